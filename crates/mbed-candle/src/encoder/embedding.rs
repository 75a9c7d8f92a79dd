//! From vocabulary numbers to the first states.

use candle_core::{Result, Tensor};
use mbed_core::spec::{EncoderSpec, PositionSpec};
use mbed_core::{TensorName, Weights};

use crate::convert::load;
use crate::errors::{OpenResult, unsupported};
use crate::linear::Linear;
use crate::norm::Norm;

/// Token embedding times `scale`, plus embeddings of position and segment; then the norm; then the projection.
pub(super) struct Embedding {
    tokens: Tensor,
    scale: f64,
    position: PositionSpec,
    positions: Option<Tensor>,
    segments: Option<Tensor>,
    norm: Option<Norm>,
    projection: Option<Linear>,
}

impl Embedding {
    pub(super) fn load(spec: &EncoderSpec, weights: &Weights) -> OpenResult<Self> {
        let embedding = &spec.embedding;
        let segments = (embedding.segments > 0).then(|| load(weights, TensorName::SegmentEmbedding));
        let norm =
            embedding.norm.is_present().then(|| Norm::load(&spec.norm, weights, TensorName::EmbeddingNorm));
        let projection =
            embedding.projection.map(|bias| Linear::load(weights, TensorName::EmbeddingProjection, bias));
        Ok(Self {
            tokens: load(weights, TensorName::TokenEmbedding)?,
            scale: f64::from(embedding.scale),
            position: spec.position,
            positions: load_positions(spec.position, weights)?,
            segments: segments.transpose()?,
            norm: norm.transpose()?,
            projection: projection.transpose()?,
        })
    }

    /// `ids` and `type_ids` are `sequences × length`; without segments the latter are not looked at.
    pub(super) fn forward(&self, ids: &Tensor, type_ids: &Tensor) -> Result<Tensor> {
        let mut states = (rows(&self.tokens, ids)? * self.scale)?;
        if let Some(positions) = &self.positions {
            states = (states + rows(positions, &self.numbers(ids)?)?)?;
        }
        if let Some(segments) = &self.segments {
            states = (states + rows(segments, type_ids)?)?;
        }
        if let Some(norm) = &self.norm {
            states = norm.forward(&states)?;
        }
        match &self.projection {
            Some(projection) => projection.forward(&states),
            None => Ok(states),
        }
    }
}

impl Embedding {
    /// The rows of positions for `ids`, `sequences × length`.
    fn numbers(&self, ids: &Tensor) -> Result<Tensor> {
        let mut numbers = Vec::new();
        for ids in ids.to_vec2::<u32>()? {
            numbers.extend(self.position.rows_of(&ids).map(|row| row as u32));
        }
        Tensor::from_vec(numbers, ids.dims2()?, ids.device())
    }
}

fn load_positions(position: PositionSpec, weights: &Weights) -> OpenResult<Option<Tensor>> {
    match position {
        PositionSpec::Learned { .. } => Ok(Some(load(weights, TensorName::PositionEmbedding)?)),
        PositionSpec::NotAdded { .. } => Ok(None),
        other => Err(unsupported(format!("it does not compute positions of the kind `{other:?}`"))),
    }
}

/// The rows of `table` that `numbers`, `sequences × length`, name: `sequences × length × width`.
fn rows(table: &Tensor, numbers: &Tensor) -> Result<Tensor> {
    let (sequences, length) = numbers.dims2()?;
    table.index_select(&numbers.flatten_all()?, 0)?.reshape((sequences, length, ()))
}
