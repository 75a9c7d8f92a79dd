//! The linear map.

use candle_core::{Result, Tensor};
use mbed_core::spec::{Bias, Part};
use mbed_core::{TensorName, Weights};

use crate::convert::load;
use crate::errors::OpenResult;

/// `W x + b`
pub(crate) struct Linear {
    /// `[output, input]`
    weight: Tensor,
    /// `[output]`
    bias: Option<Tensor>,
}

impl Linear {
    /// The map whose tensors `name` gives.
    pub(crate) fn load(weights: &Weights, name: impl Fn(Part) -> TensorName, bias: Bias) -> OpenResult<Self> {
        let weight = load(weights, name(Part::Weight))?;
        let bias = match bias {
            Bias::Added => Some(load(weights, name(Part::Bias))?),
            Bias::Absent => None,
        };
        Ok(Self { weight, bias })
    }

    /// The map without a bias whose matrix is called `name`.
    pub(crate) fn load_matrix(weights: &Weights, name: TensorName) -> OpenResult<Self> {
        Ok(Self { weight: load(weights, name)?, bias: None })
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
