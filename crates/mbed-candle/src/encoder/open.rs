//! Loading an encoder and running it.

use candle_core::{Result, Tensor};
use mbed_core::spec::EncoderSpec;
use mbed_core::{Bytes, TensorName, Weights};

use super::distance_bias::DistanceBias;
use super::embedding::Embedding;
use super::layer::Layer;
use super::positions::PositionCache;
use crate::errors::{OpenResult, misfit};
use crate::head::Head;
use crate::model::{Limits, LoadedModel, TokenModel};
use crate::norm::Norm;

/// Loads the model that `spec` describes.
///
/// # Errors
/// A tensor is missing or misshapen, the parts of the spec do not fit together, or it asks for something that is
/// not computed here.
pub(crate) fn open(spec: &EncoderSpec, weights: &Weights) -> OpenResult<LoadedModel> {
    spec.check_sizes().map_err(misfit)?;
    spec.check(weights)?;
    Ok(LoadedModel {
        tokens: Box::new(Encoder::load(spec, weights)?),
        head: Head::load(&spec.head, spec.hidden, weights)?,
        limits: Limits {
            vocabulary: spec.vocabulary,
            segments: spec.embedding.segments.max(1),
            max_tokens: spec.position.max_tokens(),
        },
        weights: Some(Bytes::from(spec.parameters() * size_of::<f32>())),
    })
}

/// Embeddings, layers, and a last norm where there is one. Without layers the states are the embeddings.
struct Encoder {
    embedding: Embedding,
    distance_bias: DistanceBias,
    layers: Vec<Layer>,
    last_norm: Option<Norm>,
}

impl Encoder {
    fn load(spec: &EncoderSpec, weights: &Weights) -> OpenResult<Self> {
        let layers = (0..spec.layers.len()).map(|layer| Layer::load(spec, weights, layer));
        let last_norm = spec.norm.last.is_present();
        Ok(Self {
            embedding: Embedding::load(spec, weights)?,
            distance_bias: DistanceBias::load(spec, weights)?,
            layers: layers.collect::<OpenResult<_>>()?,
            last_norm: last_norm
                .then(|| Norm::load(&spec.norm, weights, TensorName::LastNorm))
                .transpose()?,
        })
    }
}

impl TokenModel for Encoder {
    fn hidden_states(&self, ids: &Tensor, type_ids: &Tensor) -> Result<Tensor> {
        let mut states = self.embedding.forward(ids, type_ids)?;
        let mut positions = PositionCache::new(&self.distance_bias, ids.dim(1)?);
        for layer in &self.layers {
            states = layer.forward(&states, positions.of(layer.sight())?)?;
        }
        match &self.last_norm {
            Some(norm) => norm.forward(&states),
            None => Ok(states),
        }
    }
}
