//! Weights into the order that kernels read them.

use mbed_core::spec::{NormKind, NormSpec, Part, TensorName};
use mbed_core::{TensorError, Weights};
use mbed_kernels::Isa;
use mbed_kernels::bf16::{Bf16Gated, Bf16Linear};
use mbed_kernels::gemm::Linear;
use mbed_kernels::norm::{self, Norm};

/// A tensor's values.
pub(crate) fn values(weights: &Weights, name: TensorName) -> Result<Vec<f32>, TensorError> {
    weights.get(name).map(mbed_core::Tensor::to_f32)
}

/// The values of a tensor that not every model has. What a model needs was checked before.
pub(crate) fn optional(weights: &Weights, name: TensorName) -> Vec<f32> {
    weights.get(name).map(mbed_core::Tensor::to_f32).unwrap_or_default()
}

/// The norm whose tensors `name` gives.
pub(crate) fn norm(
    weights: &Weights,
    spec: &NormSpec,
    name: impl Fn(Part) -> TensorName,
) -> Result<Norm, TensorError> {
    let mut scale = values(weights, name(Part::Weight))?;
    for scale in &mut scale {
        *scale += spec.scale_offset;
    }
    let kind = match spec.kind {
        NormKind::Rms => norm::NormKind::Rms,
        _ => norm::NormKind::Layer,
    };
    let (columns, shift) = (scale.len(), optional(weights, name(Part::Bias)));
    let shift_length = shift.len();
    Norm::new(kind, scale, shift, spec.epsilon)
        .ok_or_else(|| misshapen(name(Part::Bias), columns, shift_length))
}

/// Linear maps of the same input one below the other, as one product.
pub(crate) struct Stacked {
    name: TensorName,
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) input: usize,
}

/// Reads them: `names` gives the tensors of each.
pub(crate) fn stacked<N: Fn(Part) -> TensorName>(
    weights: &Weights,
    names: &[N],
    input: usize,
) -> Result<Stacked, TensorError> {
    let (mut weight, mut bias) = (Vec::new(), Vec::new());
    for name in names {
        weight.extend(values(weights, name(Part::Weight))?);
        bias.extend(optional(weights, name(Part::Bias)));
    }
    let name = names.first().map_or(TensorName::TokenEmbedding, |name| name(Part::Weight));
    Ok(Stacked { name, weight, bias, input })
}

impl Stacked {
    /// In binary32.
    pub(crate) fn linear(self, isa: Isa) -> Result<Linear, TensorError> {
        let (expected, got) = (self.bias.len() * self.input, self.weight.len());
        Linear::new(isa, &self.weight, &self.bias, self.input)
            .ok_or_else(|| misshapen(self.name, expected, got))
    }

    /// In bfloat16.
    pub(crate) fn bf16(&self, isa: Isa) -> Result<Bf16Linear, TensorError> {
        Bf16Linear::new(isa, &self.weight, &self.bias, self.input).ok_or_else(|| self.misshapen())
    }

    /// In bfloat16, `self` being the gate of `up`.
    pub(crate) fn bf16_gated(&self, isa: Isa, up: &Self) -> Result<Bf16Gated, TensorError> {
        let maps = [self, up].map(|map| (&*map.weight, &*map.bias));
        Bf16Gated::new(isa, maps, self.input).ok_or_else(|| self.misshapen())
    }

    pub(crate) fn misshapen(&self) -> TensorError {
        misshapen(self.name, self.bias.len() * self.input, self.weight.len())
    }
}

fn misshapen(name: TensorName, expected: usize, got: usize) -> TensorError {
    TensorError::WrongShape { name: name.to_string().into(), expected: vec![expected], got: vec![got] }
}
