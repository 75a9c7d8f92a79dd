//! The contract of sessions, run for every backend, device, precision and model that this machine has.
//!
//! A trial is named like `cpu:0/f32/bert-mean/rows_follow_spans`. What needs the default model shows as ignored where
//! that is missing, and fails where `MBEDTEST_REQUIRE` names `model`.

mod subjects;
mod trials;

use libtest_mimic::Arguments;

fn main() {
    libtest_mimic::run(&Arguments::from_args(), trials::all()).exit();
}
