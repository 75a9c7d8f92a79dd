//! One layer: attention, then the feed-forward, each with its residual sum and norms.

use candle_core::{Result, Tensor};
use mbed_core::spec::{EncoderSpec, LayerTensor, NormPlacement, Presence};
use mbed_core::{TensorName, Weights};

use super::attention::Attention;
use super::feed_forward::FeedForward;
use super::positions::{PositionTensors, Sight};
use crate::errors::{OpenResult, unsupported};
use crate::norm::Norm;

pub(super) struct Layer {
    sight: Sight,
    attention: Attention,
    attention_norms: Norms,
    feed_forward: FeedForward,
    feed_forward_norms: Norms,
}

impl Layer {
    pub(super) fn load(spec: &EncoderSpec, weights: &Weights, layer: usize) -> OpenResult<Self> {
        Ok(Self {
            sight: Sight::load(spec, layer)?,
            attention: Attention::load(spec, weights, layer)?,
            attention_norms: Norms::of_attention(spec, weights, layer)?,
            feed_forward: FeedForward::load(spec, weights, layer)?,
            feed_forward_norms: Norms::of_feed_forward(spec, weights, layer)?,
        })
    }

    /// What its tokens see of each other.
    pub(super) const fn sight(&self) -> &Sight {
        &self.sight
    }

    /// `positions` are those of its sight.
    pub(super) fn forward(&self, states: &Tensor, positions: &PositionTensors) -> Result<Tensor> {
        let states = self.attention_norms.around(states, |x| self.attention.forward(x, positions))?;
        self.feed_forward_norms.around(&states, |x| self.feed_forward.forward(x))
    }
}

/// Where norms stand around one half of a layer.
enum Norms {
    Nowhere,
    After(Norm),
    Before(Norm),
    Around(Norm, Norm),
}

impl Norms {
    fn of_attention(spec: &EncoderSpec, weights: &Weights, layer: usize) -> OpenResult<Self> {
        let presence = spec.layers.get(layer).map_or(Presence::Absent, |layer| layer.attention_norm);
        if presence == Presence::Absent {
            return Ok(Self::Nowhere);
        }
        let norm = |tensor| load(spec, weights, layer, tensor);
        Self::load(spec.norm.placement, norm, [LayerTensor::AttentionNorm, LayerTensor::AttentionOutputNorm])
    }

    fn of_feed_forward(spec: &EncoderSpec, weights: &Weights, layer: usize) -> OpenResult<Self> {
        let norm = |tensor| load(spec, weights, layer, tensor);
        let names = [LayerTensor::FeedForwardNorm, LayerTensor::FeedForwardOutputNorm];
        Self::load(spec.norm.placement, norm, names)
    }

    fn load(
        placement: NormPlacement,
        norm: impl Fn(LayerTensor) -> OpenResult<Norm>,
        [first, second]: [LayerTensor; 2],
    ) -> OpenResult<Self> {
        match placement {
            NormPlacement::After => Ok(Self::After(norm(first)?)),
            NormPlacement::Before => Ok(Self::Before(norm(first)?)),
            NormPlacement::Around => Ok(Self::Around(norm(first)?, norm(second)?)),
            other => Err(unsupported(format!("it does not place norms `{other:?}`"))),
        }
    }

    /// The sum of `x` and `f` of it, with norms in their places.
    fn around(&self, x: &Tensor, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        match self {
            Self::Nowhere => x + f(x)?,
            Self::After(norm) => norm.forward(&(x + f(x)?)?),
            Self::Before(norm) => x + f(&norm.forward(x)?)?,
            Self::Around(first, second) => x + second.forward(&f(&first.forward(x)?)?)?,
        }
    }
}

fn load(spec: &EncoderSpec, weights: &Weights, layer: usize, tensor: LayerTensor) -> OpenResult<Norm> {
    Norm::load(&spec.norm, weights, |part| TensorName::Layer(layer, tensor, part))
}
