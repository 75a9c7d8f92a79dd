//! Who reads an exported model.

use std::path::Path;

use mbed_core::Precision;
use mbed_tests::python::Python;
use mbed_tests::{Failure, Tolerance};

/// A program that reads an exported model, and what is expected of it.
#[derive(Clone, Copy)]
pub(crate) struct Runtime {
    /// Its name in `fixtures/run_onnx.py`, and that of the Python package.
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    /// Precisions of graphs that it is given, with how near its vectors must come.
    pub(crate) precisions: &'static [(Precision, Nearness)],
}

/// How near vectors must come.
#[derive(Clone, Copy)]
pub(crate) enum Nearness {
    /// It makes none.
    NotMade,
    /// The largest difference.
    Difference(f32),
    /// The smallest cosine.
    Cosine(f32),
}

impl Nearness {
    pub(crate) fn tolerance(self) -> Option<Tolerance> {
        match self {
            Self::NotMade => None,
            Self::Difference(limit) => Some(Tolerance::new(limit)),
            Self::Cosine(least) => Some(Tolerance::of_cosine(least)),
        }
    }
}

pub(crate) const RUNTIMES: [Runtime; 3] = [
    Runtime {
        name: "checker",
        package: "onnx",
        precisions: &[
            (Precision::F32, Nearness::NotMade),
            (Precision::F16, Nearness::NotMade),
            (Precision::Int8, Nearness::NotMade),
        ],
    },
    Runtime {
        name: "onnxruntime",
        package: "onnxruntime",
        precisions: &[
            (Precision::F32, Nearness::Difference(1e-5)),
            (Precision::F16, Nearness::Cosine(0.9999)),
            (Precision::Int8, Nearness::Cosine(0.98)),
        ],
    },
    Runtime {
        name: "openvino",
        package: "openvino",
        precisions: &[(Precision::F32, Nearness::Difference(1e-5))],
    },
];

impl Runtime {
    /// What it writes when it is given a model and sequences.
    pub(crate) fn run(self, python: &Python, model: &Path, sequences: &str) -> Result<String, Failure> {
        let script = mbed_tests::models::fixtures_folder().join("run_onnx.py");
        let (script, model) = (script.display().to_string(), model.display().to_string());
        python.run(&[&script, self.name, &model], sequences)
    }
}
