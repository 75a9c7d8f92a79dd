//! Models written as ONNX in the hands of others, and graphs of others in our hands.
//!
//! `exports` gives our files to the checker of the standard, to ONNX Runtime's own Python package and to OpenVINO, and
//! compares vectors with those of sentence-transformers; a trial is named like `openvino/f32/bert-mean`. Where Python
//! lacks the package it shows as ignored, and fails where `MBEDTEST_REQUIRE` names it, as `python-openvino`. `graphs` opens folders
//! that hold a graph and no weights, good and bad ones; `providers` tries the backend's settings. Without ONNX Runtime's
//! library these are ignored too.

mod exports;
mod graphs;
mod providers;
mod runtimes;

use libtest_mimic::Arguments;

fn main() {
    let trials = exports::all().into_iter().chain(graphs::all()).chain(providers::all()).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
