//! The encoder that an [`EncoderSpec`] describes, tensor by tensor.

use candle_core::{Result, Tensor};
use candle_nn::ops::softmax_last_dim;
use mbed_core::spec::{EncoderSpec, LayerTensor, PositionSpec};
use mbed_core::{BackendError, Bytes, TensorName, Weights};

use crate::activation::{ActivationFn, activation_fn};
use crate::errors::unsupported;
use crate::head::Head;
use crate::layers::{LayerNorm, Linear, load};
use crate::model::{Limits, LoadedModel, TokenModel};

/// Loads the model that `spec` describes.
///
/// # Errors
/// A tensor is missing or misshapen, or the spec asks for something that is not computed here.
pub(crate) fn open(spec: &EncoderSpec, weights: &Weights) -> std::result::Result<LoadedModel, BackendError> {
    check_sizes(spec)?;
    let first_position = match spec.position {
        PositionSpec::Learned { first, .. } => first,
        other => return Err(unsupported(format!("it does not compute positions of the kind `{other:?}`"))),
    };
    spec.check(weights)?;
    let encoder = Encoder {
        tokens: load(weights, TensorName::TokenEmbedding)?,
        segments: load(weights, TensorName::SegmentEmbedding)?,
        positions: load(weights, TensorName::PositionEmbedding)?,
        first_position,
        norm: LayerNorm::load(weights, TensorName::EmbeddingNorm, spec.norm.epsilon)?,
        layers: (0..spec.layers)
            .map(|layer| Layer::load(spec, weights, layer))
            .collect::<std::result::Result<_, _>>()?,
    };
    let needed = spec.encoder_tensors().into_iter().chain(spec.head_tensors());
    let values: usize = needed.map(|(_, shape)| shape.into_iter().product::<usize>()).sum();
    Ok(LoadedModel {
        tokens: Box::new(encoder),
        head: Head::load(&spec.head, spec.hidden, weights)?,
        limits: Limits {
            vocabulary: spec.vocabulary,
            segments: spec.segments,
            max_tokens: spec.position.max_tokens(),
        },
        weights: Some(Bytes::from(values * size_of::<f32>())),
    })
}

/// Sizes of 0 would pass the check of shapes and then divide by zero.
fn check_sizes(spec: &EncoderSpec) -> std::result::Result<(), BackendError> {
    let sizes = [
        ("hidden size", spec.hidden),
        ("number of heads", spec.attention.heads),
        ("head size", spec.attention.head_size),
        ("intermediate size", spec.feed_forward.intermediate),
    ];
    match sizes.into_iter().find(|&(_, size)| size == 0) {
        Some((name, _)) => Err(unsupported(format!("its {name} is 0"))),
        None => Ok(()),
    }
}

struct Encoder {
    tokens: Tensor,
    segments: Tensor,
    positions: Tensor,
    first_position: usize,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl TokenModel for Encoder {
    fn hidden_states(&self, ids: &Tensor, type_ids: &Tensor) -> Result<Tensor> {
        let length = ids.dim(1)?;
        let positions = self.positions.narrow(0, self.first_position, length)?;
        let embedded = (rows(&self.tokens, ids)? + rows(&self.segments, type_ids)?)?;
        let mut states = self.norm.forward(&embedded.broadcast_add(&positions)?)?;
        for layer in &self.layers {
            states = layer.forward(&states)?;
        }
        Ok(states)
    }
}

/// The rows of `table` that `numbers`, `sequences × length`, name: `sequences × length × hidden`.
fn rows(table: &Tensor, numbers: &Tensor) -> Result<Tensor> {
    let (sequences, length) = numbers.dims2()?;
    table.index_select(&numbers.flatten_all()?, 0)?.reshape((sequences, length, ()))
}

struct Layer {
    heads: usize,
    head_size: usize,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    up: Linear,
    activation: ActivationFn,
    down: Linear,
    feed_forward_norm: LayerNorm,
}

impl Layer {
    fn load(spec: &EncoderSpec, weights: &Weights, layer: usize) -> std::result::Result<Self, BackendError> {
        let linear = |tensor| Linear::load(weights, |part| TensorName::Layer(layer, tensor, part));
        let norm = |tensor| {
            LayerNorm::load(weights, |part| TensorName::Layer(layer, tensor, part), spec.norm.epsilon)
        };
        Ok(Self {
            heads: spec.attention.heads,
            head_size: spec.attention.head_size,
            query: linear(LayerTensor::Query)?,
            key: linear(LayerTensor::Key)?,
            value: linear(LayerTensor::Value)?,
            attention_output: linear(LayerTensor::AttentionOutput)?,
            attention_norm: norm(LayerTensor::AttentionNorm)?,
            up: linear(LayerTensor::Up)?,
            activation: activation_fn(spec.feed_forward.activation)?,
            down: linear(LayerTensor::Down)?,
            feed_forward_norm: norm(LayerTensor::FeedForwardNorm)?,
        })
    }

    /// `states` and the result are `sequences × length × hidden`.
    fn forward(&self, states: &Tensor) -> Result<Tensor> {
        let attended = self.attention_output.forward(&self.attend(states)?)?;
        let states = self.attention_norm.forward(&(states + attended)?)?;
        let raised = (self.activation)(&self.up.forward(&states)?)?;
        let lowered = self.down.forward(&raised)?;
        self.feed_forward_norm.forward(&(states + lowered)?)
    }

    /// Every token looks at all tokens of its sequence: `sequences × length × (heads · head_size)`.
    fn attend(&self, states: &Tensor) -> Result<Tensor> {
        let query = self.split_heads(&self.query.forward(states)?)?;
        let key = self.split_heads(&self.key.forward(states)?)?;
        let value = self.split_heads(&self.value.forward(states)?)?;
        let scores = (query.matmul(&key.t()?)? / (self.head_size as f64).sqrt())?;
        let context = softmax_last_dim(&scores)?.matmul(&value)?;
        context.transpose(1, 2)?.flatten_from(2)
    }

    /// From `sequences × length × (heads · head_size)` to `sequences × heads × length × head_size`.
    fn split_heads(&self, x: &Tensor) -> Result<Tensor> {
        let (sequences, length, _) = x.dims3()?;
        x.reshape((sequences, length, self.heads, self.head_size))?.transpose(1, 2)?.contiguous()
    }
}
