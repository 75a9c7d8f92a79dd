//! The contract and the known vectors of every family, with kernels computed on the host.

use std::sync::Arc;

use mbed_core::{Backend, Precision};
use mbed_cuda::{CudaBackend, CudaOptions};
use mbed_tests::contract::{CASES, Need, golden_difference};
use mbed_tests::cuda::{EmulatedDriver, EmulatedOptions};
use mbed_tests::models::{self, ModelFolder};
use mbed_tests::{Bench, Failure};

/// Architectures without an encoder spec.
const FOREIGN: [&str; 1] = ["deberta-v2"];

/// One model for each place of norms.
const LAYOUTS: [&str; 3] = ["bert-mean", "modernbert-cls", "gemma3-mean"];

fn bench(model: &ModelFolder, precision: Precision) -> Result<Bench, Failure> {
    let driver = EmulatedDriver::new(EmulatedOptions::default());
    let backend: Arc<dyn Backend> = Arc::new(CudaBackend::with_driver(driver, CudaOptions::default()));
    Bench::of_model(backend, 0, precision, model)
}

fn are_near(precision: Precision, is_meant: impl Fn(&ModelFolder) -> bool) {
    let mut failures = Vec::new();
    for model in models::fixtures().unwrap().into_iter().filter(is_meant) {
        if let Err(failure) = bench(&model, precision).and_then(|bench| golden_difference(&bench)) {
            failures.push(format!("{}: {failure}", model.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_model_gives_its_known_vectors_in_f32() {
    are_near(Precision::F32, |model| !FOREIGN.contains(&model.architecture.as_str()));
}

#[test]
fn vectors_in_other_precisions_are_near() {
    for precision in [Precision::Tf32, Precision::F16, Precision::Bf16] {
        are_near(precision, |model| LAYOUTS.contains(&model.name.as_str()));
    }
}

#[test]
fn the_contract_is_kept() {
    let mut failures = Vec::new();
    for name in ["bert-mean", "modernbert-cls", "qwen3-last", "t5-mean", "model2vec"] {
        let bench = bench(&models::fixture(name).unwrap(), Precision::F32).unwrap();
        for case in CASES.iter().filter(|case| case.can_run(&[Need::Golden])) {
            if let Err(failure) = (case.run)(&bench) {
                failures.push(format!("{name}/{}: {failure}", case.name));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
