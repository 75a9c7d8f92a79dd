//! LayerNorm and RMS norm.

use candle_core::{D, Result, Tensor};
use mbed_core::spec::{Bias, NormKind, NormSpec, Part};
use mbed_core::{TensorName, Weights};

use crate::convert::load;
use crate::errors::{OpenResult, failed, unsupported};

/// `scale · y / √(mean of y² + epsilon) + shift`, where `y` is `x` in an RMS norm, and `x - mean` in a LayerNorm.
#[derive(Debug)]
pub(crate) struct Norm {
    centre: fn(&Tensor) -> Result<Tensor>,
    scale: Tensor,
    shift: Option<Tensor>,
    epsilon: f64,
}

impl Norm {
    /// One of an encoder's norms, whose tensors `name` gives.
    ///
    /// # Errors
    /// A tensor is missing, or the kind is one that is not computed here.
    pub(crate) fn load(
        spec: &NormSpec,
        weights: &Weights,
        name: impl Fn(Part) -> TensorName,
    ) -> OpenResult<Self> {
        let scale = load(weights, name(Part::Weight))? + f64::from(spec.scale_offset);
        let scale = scale.map_err(failed)?;
        let epsilon = f64::from(spec.epsilon);
        match (spec.kind, spec.bias) {
            (NormKind::Layer, Bias::Added) => {
                let shift = Some(load(weights, name(Part::Bias))?);
                Ok(Self { centre: without_mean, scale, shift, epsilon })
            }
            (NormKind::Layer, Bias::Absent) => Ok(Self { centre: without_mean, scale, shift: None, epsilon }),
            (NormKind::Rms, _) => Ok(Self { centre: |x| Ok(x.clone()), scale, shift: None, epsilon }),
            (other, _) => Err(unsupported(format!("it has no norm `{other:?}`"))),
        }
    }

    /// A LayerNorm with scale and shift, as heads have it.
    ///
    /// # Errors
    /// A tensor is missing.
    pub(crate) fn load_for_head(
        weights: &Weights,
        name: impl Fn(Part) -> TensorName,
        epsilon: f32,
    ) -> OpenResult<Self> {
        Self::load(&NormSpec::after(epsilon), weights, name)
    }

    /// Normalises the last dimension of `x`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = (self.centre)(x)?;
        let mean_of_squares = y.sqr()?.mean_keepdim(D::Minus1)?;
        let root = (mean_of_squares + self.epsilon)?.sqrt()?;
        let scaled = y.broadcast_div(&root)?.broadcast_mul(&self.scale)?;
        match &self.shift {
            Some(shift) => scaled.broadcast_add(shift),
            None => Ok(scaled),
        }
    }
}

fn without_mean(x: &Tensor) -> Result<Tensor> {
    x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// The norm of `[1, 7]` with a stored scale of `[1, -2]` and, where it is loaded, a shift of `[10, 20]`.
    fn normalised(spec: &NormSpec) -> Vec<f32> {
        let mut weights = Weights::new();
        for (part, values) in [(Part::Weight, [1.0, -2.0]), (Part::Bias, [10.0, 20.0])] {
            let tensor = mbed_core::Tensor::from_f32(vec![2], &values).unwrap();
            weights.insert(TensorName::LastNorm(part), tensor);
        }
        let norm = Norm::load(spec, &weights, TensorName::LastNorm).unwrap();
        let x = Tensor::new(&[1.0_f32, 7.0], &Device::Cpu).unwrap();
        norm.forward(&x).unwrap().to_vec1().unwrap()
    }

    #[test]
    fn norms_follow_their_definitions() {
        let check = |spec: NormSpec, expected: [f32; 2]| {
            let got = normalised(&spec);
            let near = got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 2e-6);
            assert!(near, "{spec:?}: {got:?} is not {expected:?}");
        };
        // Mean 4, differences -3 and 3, variance 9; with 7 for epsilon the root is 4.
        let layer = NormSpec::after(7.0);
        check(layer, [10.0 - 0.75, 20.0 - 1.5]);
        check(NormSpec { bias: Bias::Absent, ..layer }, [-0.75, -1.5]);
        check(NormSpec { scale_offset: 1.0, ..layer }, [10.0 - 1.5, 20.0 - 0.75]);
        // Mean of squares 25; with 11 for epsilon the root is 6.
        let rms = NormSpec::before(11.0);
        check(rms, [1.0 / 6.0, -14.0 / 6.0]);
        check(NormSpec { scale_offset: 1.0, ..rms }, [2.0 / 6.0, -7.0 / 6.0]);
        // An RMS norm has no shift, whatever its spec says.
        check(NormSpec { bias: Bias::Added, ..rms }, [1.0 / 6.0, -14.0 / 6.0]);
    }
}
