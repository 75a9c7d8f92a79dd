//! Embedding batches.

use std::num::NonZeroUsize;

use candle_core::{Result, Tensor};
use mbed_core::{
    AttentionMemory, BackendError, Batch, BatchInvariance, Capabilities, Embeddings, Precision, Session,
    SessionMemory, Span,
};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::errors::{DEVICE, failed};
use crate::group::equal_length_groups;
use crate::model::LoadedModel;

/// A model on the host's processor.
pub(crate) struct CandleSession {
    capabilities: Capabilities,
    model: LoadedModel,
    threads: ThreadPool,
}

impl CandleSession {
    /// A session that computes with `threads`, by default one a core that this process may use.
    pub(crate) fn new(
        model: LoadedModel,
        threads: Option<NonZeroUsize>,
    ) -> std::result::Result<Self, BackendError> {
        let mut capabilities =
            Capabilities::new(DEVICE, Precision::F32, model.head.dimensions(), model.limits.max_tokens);
        capabilities.attention = AttentionMemory::Whole;
        // The products of candle take other code paths for other numbers of rows.
        capabilities.invariance = BatchInvariance::WithinTolerance;
        let threads = threads.map_or_else(available_threads, NonZeroUsize::get);
        let threads = ThreadPoolBuilder::new().num_threads(threads).build().map_err(failed)?;
        Ok(Self { capabilities, model, threads })
    }
}

/// One a core that this process may use. Given as a number, as rayon would look into the environment for its own
/// default.
pub(crate) fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

impl Session for CandleSession {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn embed(&mut self, batch: &Batch, output: &mut Embeddings) -> std::result::Result<(), BackendError> {
        output.reset(batch.rows(), self.capabilities.dimensions);
        self.model.limits.check(batch)?;
        if batch.rows() == 0 {
            return Ok(());
        }
        let model = &self.model;
        let vectors = self.threads.install(|| embed(model, batch)).map_err(failed)?;
        output.values_mut().copy_from_slice(&vectors);
        Ok(())
    }

    fn memory(&self) -> SessionMemory {
        SessionMemory { weights: self.model.weights, workspace: None }
    }
}

/// The vectors of all rows, `rows × dimensions`. The batch was checked and has rows.
fn embed(model: &LoadedModel, batch: &Batch) -> Result<Vec<f32>> {
    let mut spans: Vec<Vec<(usize, &Span)>> = vec![Vec::new(); batch.sequences()];
    for (row, span) in batch.spans().iter().enumerate().filter(|(_, span)| !span.tokens().is_empty()) {
        if let Some(spans) = spans.get_mut(span.sequence()) {
            spans.push((row, span));
        }
    }
    let mut pooled = vec![model.head.pooled_nothing()?; batch.rows()];
    for group in equal_length_groups(batch) {
        let (ids, type_ids) = group.tokens(batch)?;
        let states = model.tokens.hidden_states(&ids, &type_ids)?;
        for (place, &sequence) in group.sequences.iter().enumerate() {
            let states = states.get(place)?;
            for &(row, span) in spans.get(sequence).into_iter().flatten() {
                if let Some(pooled) = pooled.get_mut(row) {
                    *pooled = model.head.pool(&states, span.tokens())?;
                }
            }
        }
    }
    model.head.finish(Tensor::stack(&pooled, 0)?)?.flatten_all()?.to_vec1()
}
