//! Tensors as candle wants them.

use candle_core::{Device, Tensor};
use mbed_core::{TensorName, Weights};

use crate::errors::{OpenResult, failed};

/// `tensor` in binary32.
pub(crate) fn to_candle(tensor: &mbed_core::Tensor) -> OpenResult<Tensor> {
    Tensor::from_vec(tensor.to_f32(), tensor.shape(), &Device::Cpu).map_err(failed)
}

/// The tensor called `name`, in binary32.
pub(crate) fn load(weights: &Weights, name: TensorName) -> OpenResult<Tensor> {
    to_candle(weights.get(name)?)
}
