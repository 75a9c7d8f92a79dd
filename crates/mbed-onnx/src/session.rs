//! Embedding batches.

use mbed_core::spec::{EncoderSpec, Pooling};
use mbed_core::{
    BackendError, Batch, BatchInvariance, Bytes, Capabilities, Embeddings, Precision, Session, SessionMemory,
    Span, Weights,
};
use ort::value::TensorRef;

use crate::errors::{DEVICE, failed};
use crate::export::{
    ATTENTION_MASK, INPUT_IDS, LAST_HIDDEN_STATE, POOLED, SENTENCE_EMBEDDING, TOKEN_TYPE_IDS, stages_model,
    states_model,
};
use crate::group::{Group, groups};
use crate::library::Library;
use crate::limits::Limits;
use crate::load::load;
use crate::pool::pool;

/// A model on the host's processor: one graph from tokens to states, another from pooled rows to vectors. What lies
/// between them is done here, as a graph cannot pool spans.
pub(crate) struct OnnxSession {
    capabilities: Capabilities,
    limits: Limits,
    hidden: usize,
    pooling: Vec<Pooling>,
    states: ort::session::Session,
    stages: Option<ort::session::Session>,
    /// Pooled rows, kept between batches.
    pooled: Vec<f32>,
    weights: Bytes,
}

impl OnnxSession {
    pub(crate) fn open(
        library: &Library,
        spec: &EncoderSpec,
        weights: &Weights,
        threads: usize,
    ) -> Result<Self, BackendError> {
        let states = load(library, states_model(spec, weights)?, threads)?;
        let stages = match stages_model(spec, weights)? {
            Some(model) => Some(load(library, model, threads)?),
            None => None,
        };
        let limits = Limits::of(spec);
        let mut capabilities =
            Capabilities::new(DEVICE, Precision::F32, spec.dimensions(), limits.max_tokens);
        // Its products take other code paths for other numbers of rows.
        capabilities.invariance = BatchInvariance::WithinTolerance;
        Ok(Self {
            capabilities,
            limits,
            hidden: spec.hidden,
            pooling: spec.head.pooling.clone(),
            states,
            stages,
            pooled: Vec::new(),
            weights: Bytes::from(spec.parameters() * size_of::<f32>()),
        })
    }

    /// Computes a group and pools its spans, which are sorted by sequence.
    fn pool_group(
        &mut self,
        batch: &Batch,
        group: &Group,
        spans: &[Vec<(usize, &Span)>],
    ) -> Result<(), BackendError> {
        let places = group.places(batch);
        let shape = [group.sequences.len(), group.length];
        let input = |values| TensorRef::from_array_view((shape, values)).map_err(failed);
        let mut inputs =
            vec![(INPUT_IDS, input(&places.ids[..])?), (ATTENTION_MASK, input(&places.mask[..])?)];
        if self.limits.has_segments {
            inputs.push((TOKEN_TYPE_IDS, input(&places.type_ids[..])?));
        }
        let outputs = self.states.run(inputs).map_err(failed)?;
        let states = extract(&outputs, LAST_HIDDEN_STATE)?;
        let (hidden, width) = (self.hidden, self.hidden * self.pooling.len());
        for (states, &sequence) in states.chunks_exact(group.length * hidden).zip(&group.sequences) {
            for &(row, span) in spans.get(sequence).into_iter().flatten() {
                let Some(row) = self.pooled.get_mut(row * width..(row + 1) * width) else { continue };
                for (&pooling, row) in self.pooling.iter().zip(row.chunks_exact_mut(hidden)) {
                    pool(pooling, states, span.tokens(), row);
                }
            }
        }
        Ok(())
    }

    /// From pooled rows to vectors.
    fn finish(&mut self, output: &mut Embeddings) -> Result<(), BackendError> {
        let Some(stages) = &mut self.stages else {
            output.values_mut().copy_from_slice(&self.pooled);
            return Ok(());
        };
        let shape = [output.rows(), self.hidden * self.pooling.len()];
        let pooled = TensorRef::from_array_view((shape, &self.pooled[..])).map_err(failed)?;
        let outputs = stages.run(vec![(POOLED, pooled)]).map_err(failed)?;
        output.values_mut().copy_from_slice(extract(&outputs, SENTENCE_EMBEDDING)?);
        Ok(())
    }
}

impl Session for OnnxSession {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn embed(&mut self, batch: &Batch, output: &mut Embeddings) -> Result<(), BackendError> {
        output.reset(batch.rows(), self.capabilities.dimensions);
        self.limits.check(batch)?;
        if batch.rows() == 0 {
            return Ok(());
        }
        self.pooled.clear();
        self.pooled.resize(batch.rows() * self.hidden * self.pooling.len(), 0.0);
        let mut spans: Vec<Vec<(usize, &Span)>> = vec![Vec::new(); batch.sequences()];
        for (row, span) in batch.spans().iter().enumerate() {
            if let Some(spans) = spans.get_mut(span.sequence()) {
                spans.push((row, span));
            }
        }
        for group in groups(batch) {
            self.pool_group(batch, &group, &spans)?;
        }
        self.finish(output)
    }

    fn memory(&self) -> SessionMemory {
        SessionMemory { weights: Some(self.weights), workspace: None }
    }

    fn trim(&mut self) {
        self.pooled = Vec::new();
    }
}

/// The values of the output called `name`.
fn extract<'a>(outputs: &'a ort::session::SessionOutputs<'_>, name: &str) -> Result<&'a [f32], BackendError> {
    let missing = || BackendError::Failed { device: DEVICE, source: format!("no output `{name}`").into() };
    let (_, values) = outputs.get(name).ok_or_else(missing)?.try_extract_tensor::<f32>().map_err(failed)?;
    Ok(values)
}
