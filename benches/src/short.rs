//! A minute or two for people who want to know what their machine does with their model.

use std::num::NonZeroUsize;

use crate::BenchError;
use crate::suite::{BatchTokens, Matrix, Studies, Suite};
use crate::workload::WorkloadName;

/// Everything in a minute or two on two cores with MiniLM: every backend of this build in every precision on short and long
/// texts, batch sizes, workers, accuracy, and some seconds without a break.
///
/// # Errors
/// Never: the workloads that it names exist.
pub fn short_suite(model: &str) -> Result<Suite, BenchError> {
    let counts = |counts: &[usize]| counts.iter().copied().filter_map(NonZeroUsize::new).collect();
    Ok(Suite {
        name: "short".to_owned(),
        description: "A minute or two".to_owned(),
        rounds: 3,
        round_seconds: 0.25,
        warm_up_rounds: 3,
        matrix: vec![every_backend(model, "sentences", 64)?, every_backend(model, "passages", 16)?],
        studies: Some(Studies {
            workload: "sentences".parse()?,
            batch_rows: counts(&[4, 16, 64, 256, 1024]),
            workers: counts(&[1, 2, 4]),
            texts: vec![512],
            rounds: 3,
            round_seconds: 0.2,
            accuracy_texts: 64,
            sustain_seconds: 12.0,
            window_seconds: 0.6,
        }),
    })
}

fn every_backend(model: &str, workload: &str, texts: usize) -> Result<Matrix, BenchError> {
    let workload: WorkloadName = workload.parse()?;
    Ok(Matrix {
        models: vec![model.to_owned()],
        backends: mbed::probe().iter().map(|(name, _)| (*name).to_owned()).collect(),
        devices: vec![0],
        precisions: ["bf16", "f16", "f32", "int8"].map(str::to_owned).to_vec(),
        workloads: vec![workload],
        texts: Some(texts),
        batch_tokens: vec![BatchTokens::Auto],
        workers: vec![NonZeroUsize::MIN],
        threads: None,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_short_suite_exists() {
        let suite = super::short_suite("a model").unwrap();
        assert!(suite.matrix.iter().all(|matrix| matrix.models == ["a model"]));
    }
}
