//! Functions of one value.

use candle_core::{Result, Tensor};
use mbed_core::BackendError;
use mbed_core::spec::Activation;

use crate::errors::unsupported;

/// A function that is applied to every value of a tensor.
pub(crate) type ActivationFn = fn(&Tensor) -> Result<Tensor>;

/// How candle computes `activation`.
///
/// candle's plain `gelu` is the tanh form and `gelu_erf` the exact one, through the `erff` of libm.
///
/// # Errors
/// It is one that this backend does not know.
pub(crate) fn activation_fn(activation: Activation) -> std::result::Result<ActivationFn, BackendError> {
    match activation {
        Activation::Identity => Ok(|x| Ok(x.clone())),
        Activation::Gelu => Ok(Tensor::gelu_erf),
        Activation::GeluTanh => Ok(Tensor::gelu),
        Activation::Relu => Ok(Tensor::relu),
        Activation::Silu => Ok(Tensor::silu),
        Activation::Tanh => Ok(Tensor::tanh),
        Activation::Sigmoid => Ok(candle_nn::ops::sigmoid),
        other => Err(unsupported(format!("it has no activation `{other:?}`"))),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn activations_have_their_textbook_values() {
        // Values at -2, -0.5, 0, 0.5 and 2 from the definitions, computed with 50 digits and rounded to binary32.
        let check = |activation, expected: [f32; 5]| {
            let x = Tensor::new(&[-2.0_f32, -0.5, 0.0, 0.5, 2.0], &Device::Cpu).unwrap();
            let got = activation_fn(activation).unwrap()(&x).unwrap().to_vec1::<f32>().unwrap();
            for (got, expected) in got.into_iter().zip(expected) {
                assert!((got - expected).abs() <= 2e-7, "{activation:?}: {got} is not {expected}");
            }
        };
        check(Activation::Identity, [-2.0, -0.5, 0.0, 0.5, 2.0]);
        check(Activation::Gelu, [-0.045500264, -0.15426877, 0.0, 0.34573123, 1.9544997]);
        check(Activation::GeluTanh, [-0.045402307, -0.154286, 0.0, 0.345714, 1.9545977]);
        check(Activation::Relu, [0.0, 0.0, 0.0, 0.5, 2.0]);
        check(Activation::Silu, [-0.23840584, -0.18877034, 0.0, 0.31122968, 1.7615942]);
        check(Activation::Tanh, [-0.9640276, -0.46211717, 0.0, 0.46211717, 0.9640276]);
        check(Activation::Sigmoid, [0.11920292, 0.37754068, 0.5, 0.62245935, 0.8807971]);
    }
}
