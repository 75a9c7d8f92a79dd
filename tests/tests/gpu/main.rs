//! What only a card can prove, beyond the contract in `conformance`: how near vectors come in each precision, sessions side by
//! side, and memory that runs out.
//!
//! Trials show as ignored where there is no card, and fail where `MBEDTEST_REQUIRE` names `cuda`. `cargo xtask gpu` runs them.

#![expect(clippy::print_stdout, reason = "the table is for a person")]

mod trials;

use libtest_mimic::Arguments;

fn main() {
    libtest_mimic::run(&Arguments::from_args(), trials::all()).exit();
}
