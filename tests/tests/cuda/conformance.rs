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

fn bench(model: &ModelFolder, precision: Precision) -> Result<Bench, Failure> {
    let driver = EmulatedDriver::new(EmulatedOptions::default());
    let backend: Arc<dyn Backend> = Arc::new(CudaBackend::with_driver(driver, CudaOptions::default()));
    Bench::of_model(backend, 0, precision, model)
}

fn every_model_is_near(precision: Precision) {
    let mut failures = Vec::new();
    for model in models::fixtures().unwrap() {
        if FOREIGN.contains(&model.architecture.as_str()) {
            continue;
        }
        if let Err(failure) = bench(&model, precision).and_then(|bench| golden_difference(&bench)) {
            failures.push(format!("{}: {failure}", model.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_model_gives_its_known_vectors_in_f32() {
    every_model_is_near(Precision::F32);
}

#[test]
fn every_model_gives_its_known_vectors_in_f16() {
    every_model_is_near(Precision::F16);
}

#[test]
fn every_model_gives_its_known_vectors_in_bf16() {
    every_model_is_near(Precision::Bf16);
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
