//! The part of a layer that looks at one token at a time.

use candle_core::{Result, Tensor};
use mbed_core::spec::{EncoderSpec, LayerTensor};
use mbed_core::{TensorName, Weights};

use crate::activation::{ActivationFn, activation_fn};
use crate::errors::OpenResult;
use crate::linear::Linear;

/// `down(activation(up(x)))`, or with a gate `down(activation(gate(x)) · up(x))`.
pub(super) struct FeedForward {
    gate: Option<Linear>,
    up: Linear,
    activation: ActivationFn,
    down: Linear,
}

impl FeedForward {
    pub(super) fn load(spec: &EncoderSpec, weights: &Weights, layer: usize) -> OpenResult<Self> {
        let spec = &spec.feed_forward;
        let linear =
            |tensor, bias| Linear::load(weights, |part| TensorName::Layer(layer, tensor, part), bias);
        let gate = spec.gate.is_present().then(|| linear(LayerTensor::Gate, spec.input_bias));
        Ok(Self {
            gate: gate.transpose()?,
            up: linear(LayerTensor::Up, spec.input_bias)?,
            activation: activation_fn(spec.activation)?,
            down: linear(LayerTensor::Down, spec.output_bias)?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let up = self.up.forward(x)?;
        let between = match &self.gate {
            Some(gate) => ((self.activation)(&gate.forward(x)?)? * up)?,
            None => (self.activation)(&up)?,
        };
        self.down.forward(&between)
    }
}
