//! What the contract is run for.

use std::sync::Arc;

use mbed_candle::CandleBackend;
use mbed_core::{Backend, BatchLayout, SpanSupport};
use mbed_cpu::CpuBackend;
use mbed_tests::fake::FakeOptions;

/// A backend, and the architectures that it must run.
pub(crate) struct Subject {
    pub(crate) backend: Arc<dyn Backend>,
    /// Values of `model_type`. A model of any other must be refused by that name.
    pub(crate) architectures: &'static [&'static str],
}

/// Every backend that computes.
pub(crate) fn backends() -> Vec<Subject> {
    vec![
        Subject { backend: Arc::new(CpuBackend), architectures: &["bert"] },
        Subject {
            backend: Arc::new(CandleBackend),
            architectures: &["bert", "roberta", "xlm-roberta", "nomic_bert", "modernbert", "qwen2", "qwen3"],
        },
    ]
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
