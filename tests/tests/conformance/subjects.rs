//! What the contract is run for.

use std::sync::Arc;

use mbed_candle::CandleBackend;
use mbed_config::Environment;
use mbed_core::{Backend, BatchLayout, SpanSupport};
use mbed_cpu::{CpuBackend, CpuBackendAtMost, Level};
use mbed_cuda::{CudaBackend, CudaOptions};
use mbed_onnx::{LibrarySearch, OnnxBackend};
use mbed_tests::fake::FakeOptions;

/// A backend, and the architectures that it must run.
pub(crate) struct Subject {
    /// Put behind the device's name in those of trials, where a backend is held to less than the machine has.
    pub(crate) path: &'static str,
    pub(crate) backend: Arc<dyn Backend>,
    /// Values of `model_type`. A model of any other must be refused by that name.
    pub(crate) architectures: Vec<&'static str>,
    /// Models that it must run as graphs too, without their weights.
    pub(crate) graphs: &'static [&'static str],
}

/// One for each kind of head and of positions.
const GRAPHS: &[&str] =
    &["bert-mean", "bert-cls-dense", "bert-layernorm", "roberta-mean", "mpnet-mean", "qwen3-last", "t5-mean"];

/// The families that have an encoder spec, and what static models are called.
const FAMILIES: &[&str] = &[
    "bert",
    "roberta",
    "xlm-roberta",
    "camembert",
    "mpnet",
    "distilbert",
    "electra",
    "albert",
    "nomic_bert",
    "new",
    "gte",
    "modernbert",
    "qwen2",
    "qwen3",
    "llama",
    "mistral",
    "gemma3_text",
    "t5",
    "model2vec",
    "static",
];

/// Every backend that computes.
pub(crate) fn backends() -> Vec<Subject> {
    let cpu = |path, backend| Subject { path, backend, architectures: FAMILIES.to_vec(), graphs: &[] };
    let lower = Level::ALL.into_iter().filter(|&level| level < Level::detect());
    let mut subjects = vec![cpu("", Arc::new(CpuBackend) as Arc<dyn Backend>)];
    subjects.extend(lower.map(|level| cpu(level.name(), Arc::new(CpuBackendAtMost(level)))));
    subjects.push(Subject {
        path: "",
        backend: Arc::new(onnx()),
        architectures: FAMILIES.to_vec(),
        graphs: GRAPHS,
    });
    subjects.push(Subject {
        path: "",
        backend: Arc::new(cuda()),
        architectures: FAMILIES.to_vec(),
        graphs: &[],
    });
    subjects.push(Subject {
        path: "",
        backend: Arc::new(CandleBackend),
        architectures: [FAMILIES, &["deberta-v2"]].concat(),
        graphs: &[],
    });
    subjects
}

/// ONNX Runtime from where the facade would take it.
fn onnx() -> OnnxBackend {
    let environment = Environment::read();
    let (named, folders) = (environment.onnx_library(), environment.onnx_library_folders());
    OnnxBackend::new(LibrarySearch { named, folders })
}

/// CUDA from where the facade would take it.
fn cuda() -> CudaBackend {
    let environment = Environment::read();
    CudaBackend::new(CudaOptions {
        libraries: mbed_cuda::LibrarySearch {
            named: Vec::new(),
            folders: environment.cuda_library_folders(),
        },
        visible_devices: environment.cuda_visible_devices.clone(),
        kernel_cache: environment.cuda_kernel_cache(),
        ..CudaOptions::default()
    })
}

/// The fake in its two kinds: it must keep the contract itself, or what is proven with it is worth nothing.
pub(crate) fn fakes() -> Vec<(&'static str, FakeOptions)> {
    let packed = FakeOptions { capacity: Some(200), ..FakeOptions::default() };
    let padded = FakeOptions {
        layout: BatchLayout::Padded,
        spans: SpanSupport::WholeSequence,
        capacity: Some(400),
        ..FakeOptions::default()
    };
    vec![("packed", packed), ("padded", padded)]
}
