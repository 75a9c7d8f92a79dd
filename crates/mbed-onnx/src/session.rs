//! Embedding batches.

use mbed_core::spec::{HeadSpec, HeadStage, Pooling};
use mbed_core::{
    AttentionMemory, BackendError, Batch, BatchInvariance, Bytes, Capabilities, Embeddings, Precision,
    Session, SessionMemory, Span, SpanSupport, Weights,
};
use ort::value::TensorRef;

use crate::encoder::{Encoder, Gives, extract};
use crate::errors::{DEVICE, OpenResult, failed, unsupported};
use crate::export::{POOLED, SENTENCE_EMBEDDING, stages_model};
use crate::group::{Group, Places, Shapes, groups};
use crate::limits::Limits;
use crate::load::{Loader, Outline};
use crate::pool::pool;

/// A model on the host's processor: one graph from tokens to states, another from pooled rows to vectors. What lies
/// between them is done here, as a graph cannot pool spans.
pub(crate) struct OnnxSession {
    capabilities: Capabilities,
    limits: Limits,
    shapes: Shapes,
    encoder: Encoder,
    /// How rows are made of states; nothing where the encoder gives rows.
    pooling: Vec<Pooling>,
    stages: Option<ort::session::Session>,
    /// What a group is given to the encoder in, kept between groups.
    places: Places,
    /// Pooled rows, kept between batches.
    pooled: Vec<f32>,
    /// Their length.
    width: usize,
    weights: Option<Bytes>,
}

/// The parts of a session.
pub(crate) struct Parts<'a> {
    pub(crate) encoder: Encoder,
    pub(crate) hidden: usize,
    pub(crate) limits: Limits,
    pub(crate) head: &'a HeadSpec,
    pub(crate) head_weights: &'a Weights,
    pub(crate) precision: Precision,
    /// What the encoder's weights take, where that is known.
    pub(crate) weights: Option<usize>,
}

impl OnnxSession {
    pub(crate) fn assemble(parts: Parts<'_>, loader: &Loader<'_>) -> OpenResult<Self> {
        let Parts { encoder, hidden, limits, head, head_weights, precision, weights } = parts;
        let rest = rest(encoder.gives, head, hidden)?;
        let stages = stages_model(&rest.head, head_weights, rest.width)?;
        let stage_bytes = stages.as_ref().map_or(0, |model| model.weight_bytes());
        // Little work, and its rows are pooled on the processor anyway.
        let beside = loader.on_processor();
        let stages = stages.map(|model| beside.written(model, Outline::UNKNOWN)).transpose()?;
        let mut capabilities =
            Capabilities::new(DEVICE, precision, rest.head.dimensions(rest.width), limits.max_tokens);
        capabilities.device_name = loader.provider.device_name();
        // Its products take other code paths for other numbers of rows.
        capabilities.invariance = BatchInvariance::WithinTolerance;
        capabilities.attention = AttentionMemory::Whole;
        let pooling = match encoder.gives {
            Gives::States => head.pooling.clone(),
            Gives::Vectors(_) => Vec::new(),
        };
        if pooling.is_empty() {
            capabilities.spans = SpanSupport::WholeSequence;
        }
        Ok(Self {
            capabilities,
            shapes: loader.shapes(limits.max_tokens),
            limits,
            encoder,
            width: rest.width * pooling.len().max(1),
            pooling,
            stages,
            places: Places::default(),
            pooled: Vec::new(),
            weights: weights.map(|bytes| Bytes::from(bytes + stage_bytes)),
        })
    }

    /// Computes a group and pools its spans, which are sorted by sequence.
    fn pool_group(
        &mut self,
        batch: &Batch,
        group: &Group,
        spans: &[Vec<(usize, &Span)>],
    ) -> Result<(), BackendError> {
        let shape = group.shape(self.shapes);
        self.places.fill(group, shape, batch);
        let (pooling, pooled, width) = (&self.pooling, &mut self.pooled, self.width);
        let [sequences, _] = shape;
        self.encoder.run(&self.places, shape, |values| {
            let each = values.len() / sequences.max(1);
            for (values, &sequence) in values.chunks_exact(each.max(1)).zip(&group.sequences) {
                for &(row, span) in spans.get(sequence).into_iter().flatten() {
                    let row = pooled.get_mut(row * width..(row + 1) * width).unwrap_or_default();
                    take_row(pooling, values, span, row);
                }
            }
        })
    }

    /// From pooled rows to vectors.
    fn finish(&mut self, output: &mut Embeddings) -> Result<(), BackendError> {
        let Some(stages) = &mut self.stages else {
            output.values_mut().copy_from_slice(&self.pooled);
            return Ok(());
        };
        let shape = [output.rows(), self.width];
        let pooled = TensorRef::from_array_view((shape, &self.pooled[..])).map_err(failed)?;
        let outputs = stages.run(vec![(POOLED, pooled)]).map_err(failed)?;
        output.values_mut().copy_from_slice(extract(&outputs, SENTENCE_EMBEDDING)?);
        Ok(())
    }

    fn check_spans(&self, batch: &Batch) -> Result<(), BackendError> {
        if !self.pooling.is_empty() {
            return Ok(());
        }
        let mut seen = vec![false; batch.sequences()];
        for span in batch.spans() {
            let is_whole =
                batch.range(span.sequence()).is_some_and(|range| *span.tokens() == (0..range.len()));
            let is_first = seen.get_mut(span.sequence()).is_some_and(|seen| !std::mem::replace(seen, true));
            if !is_whole || !is_first {
                return Err(BackendError::SpansUnsupported { device: DEVICE });
            }
        }
        Ok(())
    }
}

/// What is left to do behind an encoder: the stages of a head, for rows of `width` values a pooling.
struct Rest {
    head: HeadSpec,
    width: usize,
}

fn rest(gives: Gives, head: &HeadSpec, hidden: usize) -> OpenResult<Rest> {
    let width = match gives {
        Gives::States => return Ok(Rest { head: head.clone(), width: hidden }),
        Gives::Vectors(width) => width,
    };
    let expected = head.dimensions(hidden);
    if width != expected {
        return Err(unsupported(format!(
            "its graph gives vectors of {width} values, its modules make {expected}"
        )));
    }
    // The graph has done all of the head; what has length 1 keeps it.
    let stages = if head.normalizes() { vec![HeadStage::Normalize] } else { Vec::new() };
    Ok(Rest { head: HeadSpec { pooling: vec![Pooling::Mean], stages }, width })
}

/// The row of a span, out of the states of its sequence or the vector of it.
fn take_row(pooling: &[Pooling], values: &[f32], span: &Span, row: &mut [f32]) {
    if pooling.is_empty() {
        row.copy_from_slice(values);
        return;
    }
    let hidden = row.len() / pooling.len();
    for (&pooling, row) in pooling.iter().zip(row.chunks_exact_mut(hidden.max(1))) {
        pool(pooling, values, span.tokens(), row);
    }
}

impl Session for OnnxSession {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn embed(&mut self, batch: &Batch, output: &mut Embeddings) -> Result<(), BackendError> {
        output.reset(batch.rows(), self.capabilities.dimensions);
        self.limits.check(batch)?;
        self.check_spans(batch)?;
        if batch.rows() == 0 {
            return Ok(());
        }
        self.pooled.clear();
        self.pooled.resize(batch.rows() * self.width, 0.0);
        let mut spans: Vec<Vec<(usize, &Span)>> = vec![Vec::new(); batch.sequences()];
        for (row, span) in batch.spans().iter().enumerate() {
            if let Some(spans) = spans.get_mut(span.sequence()) {
                spans.push((row, span));
            }
        }
        for group in groups(batch, self.shapes) {
            self.pool_group(batch, &group, &spans)?;
        }
        self.finish(output)
    }

    fn memory(&self) -> SessionMemory {
        SessionMemory { weights: self.weights, workspace: None }
    }

    fn trim(&mut self) {
        self.pooled = Vec::new();
        self.places = Places::default();
        self.encoder.trim();
    }
}
