//! An encoder with its weights in the order that the kernels read them.

use mbed_core::spec::{EncoderSpec, Part, PositionSpec, TensorName};
use mbed_core::{BackendError, Batch, TensorError, Weights};
use mbed_kernels::norm::LayerNorm;

use crate::head::Head;
use crate::layer::Layer;
use crate::parts::PartOfBatch;
use crate::scratch::Scratch;

/// An encoder ready to run.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) spec: EncoderSpec,
    tokens: Vec<f32>,
    segments: Vec<f32>,
    positions: Vec<f32>,
    /// Row of `positions` that a sequence's first token takes.
    first_position: usize,
    norm: LayerNorm,
    layers: Vec<Layer>,
    pub(crate) head: Head,
}

impl Encoder {
    /// Lays the weights out.
    pub(crate) fn new(spec: EncoderSpec, weights: &Weights) -> Result<Self, BackendError> {
        spec.check(weights)?;
        let table = |name| weights.get(name).map(mbed_core::Tensor::to_f32);
        let (positions, first_position) = match spec.position {
            PositionSpec::Learned { first, .. } => (table(TensorName::PositionEmbedding)?, first),
            _ => {
                let reason = "it computes learned positions only".to_owned();
                return Err(BackendError::UnsupportedModel { backend: "cpu", reason });
            }
        };
        let layers: Result<Vec<Layer>, TensorError> =
            (0..spec.layers).map(|layer| Layer::new(&spec, weights, layer)).collect();
        Ok(Self {
            tokens: table(TensorName::TokenEmbedding)?,
            segments: table(TensorName::SegmentEmbedding)?,
            positions,
            first_position,
            norm: norm(weights, TensorName::EmbeddingNorm, spec.norm.epsilon)?,
            layers: layers?,
            head: Head::new(&spec, weights)?,
            spec,
        })
    }

    /// Takes the sequences of `part` through all layers. Their states end in `scratch.hidden`, `tokens × hidden`.
    pub(crate) fn run(
        &self,
        batch: &Batch,
        part: &PartOfBatch,
        scratch: &mut Scratch,
    ) -> Result<(), BackendError> {
        scratch.reserve(&self.spec, part)?;
        self.embed_tokens(batch, part, scratch);
        for layer in &self.layers {
            layer.run(part, scratch)?;
        }
        Ok(())
    }

    /// Sums the embeddings of token, position and segment, and normalises the sums.
    fn embed_tokens(&self, batch: &Batch, part: &PartOfBatch, scratch: &mut Scratch) {
        let width = self.spec.hidden;
        let sequences = part.sequences.clone().filter_map(|index| batch.sequence(index));
        let mut places = scratch.hidden.chunks_exact_mut(width);
        for sequence in sequences {
            for (position, (&id, &segment)) in sequence.ids.iter().zip(sequence.type_ids).enumerate() {
                let Some(place) = places.next() else { return };
                let token = rows(&self.tokens, width, id as usize);
                let segment = rows(&self.segments, width, segment as usize);
                let position = rows(&self.positions, width, self.first_position + position);
                for (column, value) in place.iter_mut().enumerate() {
                    *value = token[column] + segment[column] + position[column];
                }
            }
        }
        self.norm.apply(&mut scratch.hidden[..part.tokens * width]);
    }
}

/// Row `index` of a table. The batch was checked against the tables before anything ran.
fn rows(table: &[f32], width: usize, index: usize) -> &[f32] {
    &table[index * width..(index + 1) * width]
}

pub(crate) fn norm(
    weights: &Weights,
    name: impl Fn(Part) -> TensorName,
    epsilon: f32,
) -> Result<LayerNorm, TensorError> {
    let scale = weights.get(name(Part::Weight))?.to_f32();
    let shift = weights.get(name(Part::Bias))?.to_f32();
    let columns = scale.len();
    LayerNorm::new(scale, shift, epsilon).ok_or_else(|| TensorError::WrongShape {
        name: name(Part::Bias).to_string().into(),
        expected: vec![columns],
        got: Vec::new(),
    })
}
