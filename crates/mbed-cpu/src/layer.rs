//! One encoder layer.

use mbed_core::spec::{Activation, EncoderSpec, LayerTensor, Part, TensorName};
use mbed_core::{BackendError, TensorError, Weights};
use mbed_kernels::attention::{self, Heads};
use mbed_kernels::gemm::{Linear, ROW_BLOCK};
use mbed_kernels::norm::LayerNorm;

use crate::encoder::norm;
use crate::failure;
use crate::head::activate;
use crate::parts::PartOfBatch;
use crate::scratch::Scratch;

/// One encoder layer: attention, then feed-forward, each followed by a residual sum and a norm.
#[derive(Debug)]
pub(crate) struct Layer {
    heads: Heads,
    /// Queries, keys and values in one product.
    qkv: Linear,
    output: Linear,
    attention_norm: LayerNorm,
    up: Linear,
    activation: Activation,
    down: Linear,
    feed_forward_norm: LayerNorm,
}

impl Layer {
    pub(crate) fn new(spec: &EncoderSpec, weights: &Weights, layer: usize) -> Result<Self, TensorError> {
        let hidden = spec.hidden;
        let width = spec.attention.width();
        let linear = |tensors: &[LayerTensor], input| linear(weights, layer, tensors, input);
        let norm = |tensor| norm(weights, |part| TensorName::Layer(layer, tensor, part), spec.norm.epsilon);
        Ok(Self {
            heads: Heads { count: spec.attention.heads, size: spec.attention.head_size },
            qkv: linear(&[LayerTensor::Query, LayerTensor::Key, LayerTensor::Value], hidden)?,
            output: linear(&[LayerTensor::AttentionOutput], width)?,
            attention_norm: norm(LayerTensor::AttentionNorm)?,
            up: linear(&[LayerTensor::Up], hidden)?,
            activation: spec.feed_forward.activation,
            down: linear(&[LayerTensor::Down], spec.feed_forward.intermediate)?,
            feed_forward_norm: norm(LayerTensor::FeedForwardNorm)?,
        })
    }

    /// Replaces `scratch.hidden` by the layer's output.
    pub(crate) fn run(&self, part: &PartOfBatch, scratch: &mut Scratch) -> Result<(), BackendError> {
        self.qkv.apply(&scratch.hidden, &mut scratch.qkv).map_err(failure::shape)?;
        self.attend(part, scratch)?;
        self.finish_blocks(scratch)
    }

    fn attend(&self, part: &PartOfBatch, scratch: &mut Scratch) -> Result<(), BackendError> {
        let width = self.output.input();
        let mut start = 0;
        for &length in &part.lengths {
            let qkv = &scratch.qkv[start * 3 * width..(start + length) * 3 * width];
            let context = &mut scratch.context[start * width..(start + length) * width];
            attention::bidirectional(self.heads, length, qkv, context, &mut scratch.scores)
                .map_err(failure::shape)?;
            start += length;
        }
        Ok(())
    }

    /// Everything after attention looks at one token at a time, so it goes block by block, while a block's
    /// intermediate values are in the cache.
    fn finish_blocks(&self, scratch: &mut Scratch) -> Result<(), BackendError> {
        let hidden_block = ROW_BLOCK * self.output.output();
        let context_block = ROW_BLOCK * self.output.input();
        let hiddens = scratch.hidden.chunks_exact_mut(hidden_block);
        for (hidden, context) in hiddens.zip(scratch.context.chunks_exact(context_block)) {
            let sum = &mut scratch.block;
            self.output.apply_block(context, sum).map_err(failure::shape)?;
            self.attention_norm.apply_sum(hidden, sum);
            let intermediate = &mut scratch.intermediate;
            self.up.apply_block(hidden, intermediate).map_err(failure::shape)?;
            activate(self.activation, intermediate)?;
            self.down.apply_block(intermediate, sum).map_err(failure::shape)?;
            self.feed_forward_norm.apply_sum(hidden, sum);
        }
        Ok(())
    }
}

/// One product of the tensors stacked.
fn linear(
    weights: &Weights,
    layer: usize,
    tensors: &[LayerTensor],
    input: usize,
) -> Result<Linear, TensorError> {
    let mut weight = Vec::new();
    let mut bias = Vec::new();
    for &tensor in tensors {
        weight.extend(weights.get(TensorName::Layer(layer, tensor, Part::Weight))?.to_f32());
        bias.extend(weights.get(TensorName::Layer(layer, tensor, Part::Bias))?.to_f32());
    }
    let (expected, got) = (bias.len() * input, weight.len());
    Linear::new(&weight, bias, input).ok_or_else(|| TensorError::WrongShape {
        name: format!("layers.{layer}.{}", tensors.first().map_or_else(String::new, ToString::to_string))
            .into(),
        expected: vec![expected],
        got: vec![got],
    })
}
