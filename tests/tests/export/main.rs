//! Models written as ONNX, in the hands of others: the checker of the standard, ONNX Runtime's own Python package, and
//! OpenVINO. Their vectors are compared with those of sentence-transformers.
//!
//! A trial is named like `openvino/f32/bert-mean`. Where Python lacks the package it shows as ignored, and fails where
//! `MBEDTEST_REQUIRE` names the package.

mod runtimes;
mod trials;

use libtest_mimic::Arguments;

fn main() {
    libtest_mimic::run(&Arguments::from_args(), trials::all()).exit();
}
