//! Weights into the order that kernels read them.

use mbed_core::spec::{NormKind, NormSpec, Part, TensorName};
use mbed_core::{TensorError, Weights};
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

/// One product of linear maps stacked: `names` gives the tensors of each.
pub(crate) fn linear<N: Fn(Part) -> TensorName>(
    weights: &Weights,
    names: &[N],
    input: usize,
) -> Result<Linear, TensorError> {
    let (mut weight, mut bias) = (Vec::new(), Vec::new());
    for name in names {
        weight.extend(values(weights, name(Part::Weight))?);
        bias.extend(optional(weights, name(Part::Bias)));
    }
    let (expected, got) = (bias.len() * input, weight.len());
    let first = names.first().map_or(TensorName::TokenEmbedding, |name| name(Part::Weight));
    Linear::new(&weight, bias, input).ok_or_else(|| misshapen(first, expected, got))
}

fn misshapen(name: TensorName, expected: usize, got: usize) -> TensorError {
    TensorError::WrongShape { name: name.to_string().into(), expected: vec![expected], got: vec![got] }
}
