//! An encoder with its weights in the order that the kernels read them.

use std::sync::Arc;

use mbed_core::spec::{
    EncoderSpec, NormKind, NormPlacement, PositionSpec, Presence, RotaryPairing, RotarySpec, ScoreBias,
    TensorName,
};
use mbed_core::{BackendError, Batch, Precision, Weights};
use mbed_kernels::Isa;
use mbed_kernels::activation::Function;
use mbed_kernels::gemm::{Linear, Output};
use mbed_kernels::norm::Norm;

use crate::clock::Stage;
use crate::failure;
use crate::head::Head;
use crate::layer::Layer;
use crate::load;
use crate::parts::PartOfBatch;
use crate::scratch::Scratch;

/// An encoder ready to run.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) spec: EncoderSpec,
    pub(crate) isa: Isa,
    /// Of the layers' products; all else is in binary32.
    pub(crate) precision: Precision,
    tokens: Vec<f32>,
    /// Empty where there is none, as are positions.
    segments: Vec<f32>,
    positions: Vec<f32>,
    norm: Option<Norm>,
    projection: Option<Linear>,
    /// Different rotations of the layers.
    pub(crate) rotations: Vec<Arc<RotarySpec>>,
    /// Numbers that are added to scores, `buckets × heads`; empty where there are none.
    pub(crate) score_bias: Vec<f32>,
    layers: Vec<Layer>,
    last_norm: Option<Norm>,
    pub(crate) head: Head,
}

impl Encoder {
    /// Lays the weights out.
    pub(crate) fn new(
        spec: EncoderSpec,
        weights: &Weights,
        isa: Isa,
        precision: Precision,
    ) -> Result<Self, BackendError> {
        check_kinds(&spec)?;
        spec.check(weights)?;
        let norm = |presence: Presence, name: fn(_) -> TensorName| match presence {
            Presence::Present => load::norm(weights, &spec.norm, name).map(Some),
            Presence::Absent => Ok(None),
        };
        let projection = match spec.embedding.projection {
            Some(_) => {
                let names = [TensorName::EmbeddingProjection];
                Some(load::stacked(weights, &names, spec.embedding.width)?.linear(isa)?)
            }
            None => None,
        };
        let mut rotations: Vec<Arc<RotarySpec>> = Vec::new();
        let mut layers = Vec::with_capacity(spec.layers.len());
        for (index, layer) in spec.layers.iter().enumerate() {
            let rotation = layer.rotary.as_ref().map(|rotary| number_of(&mut rotations, rotary));
            layers.push(Layer::new((&spec, weights), index, rotation, (isa, precision))?);
        }
        Ok(Self {
            tokens: load::values(weights, TensorName::TokenEmbedding)?,
            segments: load::optional(weights, TensorName::SegmentEmbedding),
            positions: load::optional(weights, TensorName::PositionEmbedding),
            norm: norm(spec.embedding.norm, TensorName::EmbeddingNorm)?,
            projection,
            rotations,
            score_bias: load::optional(weights, TensorName::ScoreBias),
            layers,
            last_norm: norm(spec.norm.last, TensorName::LastNorm)?,
            head: Head::new(&spec, weights)?,
            precision,
            isa,
            spec,
        })
    }

    /// How many bytes the weights hold.
    pub(crate) fn bytes(&self) -> usize {
        let spec = &self.spec;
        let shapes = spec.encoder_tensors().into_iter().chain(spec.head_tensors());
        // The layers' matrices lie in the order of their precision, all else as it is in binary32.
        let others = shapes.filter(|(name, shape)| !matches!(name, TensorName::Layer(..)) || shape.len() < 2);
        let values: usize = others.map(|(_, shape)| shape.into_iter().product::<usize>()).sum();
        values * size_of::<f32>() + self.layers.iter().map(Layer::bytes).sum::<usize>()
    }

    /// Takes the sequences of `part` through all layers. Their states end in `scratch.hidden`, `tokens × hidden`.
    pub(crate) fn run(
        &self,
        batch: &Batch,
        part: &PartOfBatch,
        scratch: &mut Scratch,
    ) -> Result<(), BackendError> {
        scratch.reserve(self, part)?;
        self.embed_tokens(batch, part, scratch)?;
        scratch.clock.mark(Stage::Embed, 0);
        for layer in &self.layers {
            layer.run(part, scratch)?;
        }
        if let Some(norm) = &self.last_norm {
            norm.apply(&mut scratch.hidden[..part.tokens * self.spec.hidden]);
            scratch.clock.mark(Stage::Norm, 0);
        }
        Ok(())
    }

    /// Sums the embeddings of token, position and segment, normalises the sums and makes them as long as states.
    fn embed_tokens(
        &self,
        batch: &Batch,
        part: &PartOfBatch,
        scratch: &mut Scratch,
    ) -> Result<(), BackendError> {
        let width = self.spec.embedding.width;
        let Scratch { hidden, embedded, .. } = scratch;
        let places = if self.projection.is_some() { embedded } else { &mut *hidden };
        let sequences = part.sequences.clone().filter_map(|index| batch.sequence(index));
        let mut free = places.chunks_exact_mut(width);
        for sequence in sequences {
            let positions = self.spec.position.rows_of(sequence.ids).map(Some).chain(std::iter::repeat(None));
            let tokens = sequence.ids.iter().zip(sequence.type_ids).zip(positions);
            for (((&id, &segment), position), place) in tokens.zip(free.by_ref()) {
                self.embed_token(place, id as usize, segment as usize, position);
            }
        }
        if let Some(norm) = &self.norm {
            norm.apply(&mut places[..part.tokens * width]);
        }
        let Some(projection) = &self.projection else { return Ok(()) };
        let x = &scratch.embedded[..part.tokens * width];
        let hidden = &mut hidden[..part.tokens * self.spec.hidden];
        projection.apply(x, Output::Rows(Function::Identity, hidden)).map_err(failure::shape)
    }

    fn embed_token(&self, place: &mut [f32], id: usize, segment: usize, position: Option<usize>) {
        let width = place.len();
        let scale = self.spec.embedding.scale;
        for (value, token) in place.iter_mut().zip(row(&self.tokens, width, id)) {
            *value = token * scale;
        }
        let segment = (!self.segments.is_empty()).then_some(segment);
        for (table, index) in [(&self.segments, segment), (&self.positions, position)] {
            for (value, added) in
                place.iter_mut().zip(index.map_or(&[][..], |index| row(table, width, index)))
            {
                *value += added;
            }
        }
    }
}

/// Row `index` of a table. The batch was checked against the tables before anything ran.
fn row(table: &[f32], width: usize, index: usize) -> &[f32] {
    &table[index * width..(index + 1) * width]
}

fn number_of(rotations: &mut Vec<Arc<RotarySpec>>, rotary: &Arc<RotarySpec>) -> usize {
    rotations.iter().position(|known| known == rotary).unwrap_or_else(|| {
        rotations.push(Arc::clone(rotary));
        rotations.len() - 1
    })
}

/// Refuses what a later version of the seam may ask for and this backend does not compute.
fn check_kinds(spec: &EncoderSpec) -> Result<(), BackendError> {
    let is_known = matches!(spec.position, PositionSpec::Learned { .. } | PositionSpec::NotAdded { .. })
        && matches!(spec.norm.kind, NormKind::Layer | NormKind::Rms)
        && matches!(
            spec.norm.placement,
            NormPlacement::After | NormPlacement::Before | NormPlacement::Around
        )
        && matches!(
            spec.attention.score_bias,
            ScoreBias::None | ScoreBias::Alibi | ScoreBias::Buckets { .. }
        )
        && spec.layers.iter().filter_map(|layer| layer.rotary.as_ref()).all(|rotary| {
            matches!(rotary.pairing, RotaryPairing::Halves | RotaryPairing::Neighbours)
                && rotary.size() <= spec.attention.head_size
        });
    if is_known {
        return Ok(());
    }
    let reason = format!("it does not compute all that the family `{}` needs", spec.family);
    Err(BackendError::UnsupportedModel { backend: "cpu", reason })
}
