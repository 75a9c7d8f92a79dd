//! The two parts that every layer is made of, with their weights.

use candle_core::{D, Device, Result, Tensor};
use mbed_core::spec::Part;
use mbed_core::{BackendError, TensorName, Weights};

use crate::errors::failed;

/// `tensor` as candle wants it, in binary32.
pub(crate) fn to_candle(tensor: &mbed_core::Tensor) -> std::result::Result<Tensor, BackendError> {
    Tensor::from_vec(tensor.to_f32(), tensor.shape(), &Device::Cpu).map_err(failed)
}

/// The tensor called `name`.
pub(crate) fn load(weights: &Weights, name: TensorName) -> std::result::Result<Tensor, BackendError> {
    to_candle(weights.get(name)?)
}

/// `W x + b`
pub(crate) struct Linear {
    /// `[output, input]`
    pub weight: Tensor,
    /// `[output]`
    pub bias: Option<Tensor>,
}

impl Linear {
    /// The map with a bias whose two tensors `name` gives.
    pub(crate) fn load(
        weights: &Weights,
        name: impl Fn(Part) -> TensorName,
    ) -> std::result::Result<Self, BackendError> {
        let weight = load(weights, name(Part::Weight))?;
        Ok(Self { weight, bias: Some(load(weights, name(Part::Bias))?) })
    }

    /// Maps the last dimension of `x`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let product = x.broadcast_matmul(&self.weight.t()?)?;
        match &self.bias {
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }
}

/// `(x - mean) / √(variance + epsilon) · scale + shift`
pub(crate) struct LayerNorm {
    scale: Tensor,
    shift: Tensor,
    epsilon: f64,
}

impl LayerNorm {
    /// The norm whose two tensors `name` gives.
    pub(crate) fn load(
        weights: &Weights,
        name: impl Fn(Part) -> TensorName,
        epsilon: f32,
    ) -> std::result::Result<Self, BackendError> {
        let scale = load(weights, name(Part::Weight))?;
        Ok(Self { scale, shift: load(weights, name(Part::Bias))?, epsilon: f64::from(epsilon) })
    }

    /// Normalises the last dimension of `x`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let deviation = (variance + self.epsilon)?.sqrt()?;
        centred.broadcast_div(&deviation)?.broadcast_mul(&self.scale)?.broadcast_add(&self.shift)
    }
}
