//! How tokens look at each other.

use candle_core::{Result, Tensor};
use candle_nn::ops::softmax_last_dim;
use mbed_core::spec::{AttentionSpec, EncoderSpec, LayerTensor};
use mbed_core::{TensorName, Weights};

use super::positions::PositionTensors;
use crate::errors::OpenResult;
use crate::linear::Linear;
use crate::norm::Norm;

/// Multi-head attention: `softmax(scale · q kᵀ + score bias) v`.
pub(super) struct Attention {
    spec: AttentionSpec,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    /// The norms of each head's queries and keys.
    query_key_norms: Option<(Norm, Norm)>,
}

impl Attention {
    pub(super) fn load(spec: &EncoderSpec, weights: &Weights, layer: usize) -> OpenResult<Self> {
        let attention = spec.attention;
        let linear =
            |tensor, bias| Linear::load(weights, |part| TensorName::Layer(layer, tensor, part), bias);
        let norm = |tensor| Norm::load(&spec.norm, weights, |part| TensorName::Layer(layer, tensor, part));
        let query_key_norms = if attention.query_key_norm.is_present() {
            Some((norm(LayerTensor::QueryNorm)?, norm(LayerTensor::KeyNorm)?))
        } else {
            None
        };
        Ok(Self {
            spec: attention,
            query: linear(LayerTensor::Query, attention.input_bias)?,
            key: linear(LayerTensor::Key, attention.input_bias)?,
            value: linear(LayerTensor::Value, attention.input_bias)?,
            output: linear(LayerTensor::AttentionOutput, attention.output_bias)?,
            query_key_norms,
        })
    }

    /// `states` and the result are `sequences × length × hidden`.
    pub(super) fn forward(&self, states: &Tensor, positions: &PositionTensors) -> Result<Tensor> {
        let AttentionSpec { heads, key_value_heads, scale, .. } = self.spec;
        let mut query = split_heads(&self.query.forward(states)?, heads)?;
        let mut key = split_heads(&self.key.forward(states)?, key_value_heads)?;
        let value = split_heads(&self.value.forward(states)?, key_value_heads)?;
        if let Some((query_norm, key_norm)) = &self.query_key_norms {
            query = query_norm.forward(&query)?;
            key = key_norm.forward(&key)?;
        }
        if let Some(turns) = &positions.turns {
            query = turns.forward(&query)?;
            key = turns.forward(&key)?;
        }
        let (key, value) = (repeat_heads(&key, heads)?, repeat_heads(&value, heads)?);
        let mut scores = (query.matmul(&key.t()?)? * f64::from(scale))?;
        if let Some(score_bias) = &positions.score_bias {
            scores = scores.broadcast_add(score_bias)?;
        }
        let context = softmax_last_dim(&scores)?.matmul(&value)?;
        self.output.forward(&context.transpose(1, 2)?.flatten_from(2)?)
    }
}

/// From `sequences × length × (heads · head_size)` to `sequences × heads × length × head_size`.
fn split_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (sequences, length, _) = x.dims3()?;
    x.reshape((sequences, length, heads, ()))?.transpose(1, 2)?.contiguous()
}

/// Puts each head of keys or values as often as it serves heads of queries, copies side by side: `heads` in all.
fn repeat_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (sequences, key_value_heads, length, head_size) = x.dims4()?;
    if key_value_heads == heads {
        return Ok(x.clone());
    }
    let copies = (sequences, key_value_heads, heads / key_value_heads, length, head_size);
    x.unsqueeze(2)?.expand(copies)?.reshape((sequences, heads, length, head_size))
}
