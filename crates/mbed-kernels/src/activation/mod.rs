//! Functions of one value, applied to a slice in place.
//!
//! Bounds are absolute differences from the function in binary64, over all finite inputs unless a range is
//! given; the tests of this module check them on a grid.

mod scalar;
mod vector;

use pulp::{Arch, Simd, WithSimd};

pub(crate) use scalar::exp;
pub(crate) use vector::exp_below_zero;

/// A function of this module, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `x`
    Identity,
    /// [`gelu`]
    Gelu,
    /// [`gelu_tanh`]
    GeluTanh,
    /// [`relu`]
    Relu,
    /// [`silu`]
    Silu,
    /// [`tanh`]
    Tanh,
    /// [`sigmoid`]
    Sigmoid,
}

impl Function {
    /// Replaces each value by that of the function.
    pub fn apply(self, values: &mut [f32]) {
        Arch::new().dispatch(Apply { function: self, values });
    }

    #[inline(always)]
    pub(crate) fn apply_with<S: Simd>(self, simd: S, values: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Gelu => vector::gelu_all(simd, values),
            Self::GeluTanh => map_all(values, scalar::gelu_tanh),
            Self::Relu => map_all(values, scalar::relu),
            Self::Silu => map_all(values, scalar::silu),
            Self::Tanh => map_all(values, scalar::tanh),
            Self::Sigmoid => map_all(values, scalar::sigmoid),
        }
    }
}

/// A struct and not a closure, which was compiled without the wider registers when it called another function.
struct Apply<'a> {
    function: Function,
    values: &'a mut [f32],
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.function.apply_with(simd, self.values);
    }
}

/// `x / 2 · (1 + erf(x / √2))`, within 1e-6 for `|x| <= 10`.
pub fn gelu(values: &mut [f32]) {
    Function::Gelu.apply(values);
}

/// `x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`, within 2e-6 for `|x| <= 10`.
pub fn gelu_tanh(values: &mut [f32]) {
    Function::GeluTanh.apply(values);
}

/// `max(x, 0)`, exact; NaN stays.
pub fn relu(values: &mut [f32]) {
    Function::Relu.apply(values);
}

/// `x / (1 + e^-x)`, within 2e-6 for `|x| <= 10`.
pub fn silu(values: &mut [f32]) {
    Function::Silu.apply(values);
}

/// `tanh x`, within 3e-7.
pub fn tanh(values: &mut [f32]) {
    Function::Tanh.apply(values);
}

/// `1 / (1 + e^-x)`, within 2e-7.
pub fn sigmoid(values: &mut [f32]) {
    Function::Sigmoid.apply(values);
}

#[inline(always)]
fn map_all(values: &mut [f32], function: impl Fn(f32) -> f32) {
    for value in values {
        *value = function(*value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Apply = fn(&mut [f32]);
    type Truth = fn(f64) -> f64;

    #[test]
    fn every_function_keeps_its_bound() {
        let cases: [(&str, Apply, Truth, f64, f64); 6] = [
            ("gelu", gelu, |x| 0.5 * x * (1.0 + libm::erf(x / 2.0_f64.sqrt())), 10.0, 1e-6),
            ("gelu_tanh", gelu_tanh, true_gelu_tanh, 10.0, 2e-6),
            ("relu", relu, |x| x.max(0.0), 1e30, 0.0),
            ("silu", silu, |x| x / (1.0 + (-x).exp()), 10.0, 2e-6),
            ("tanh", tanh, f64::tanh, 100.0, 3e-7),
            ("sigmoid", sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 100.0, 2e-7),
        ];
        for (name, apply, truth, range, bound) in cases {
            let inputs: Vec<f32> =
                (-200_000..=200_000).map(|i| (f64::from(i) / 2e5 * range) as f32).collect();
            let mut outputs = inputs.clone();
            apply(&mut outputs);
            for (&x, &y) in inputs.iter().zip(&outputs) {
                let error = (f64::from(y) - truth(f64::from(x))).abs();
                assert!(error <= bound, "{name}({x}) = {y}, off by {error:e}");
            }
        }
    }

    fn true_gelu_tanh(x: f64) -> f64 {
        let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
        0.5 * x * (1.0 + inner.tanh())
    }

    #[test]
    fn extremes_and_nan_come_out_as_the_functions_say() {
        let check = |apply: Apply, input: f32, expected: f32| {
            let mut values = [input];
            apply(&mut values);
            assert_eq!(values[0], expected, "of {input}");
        };
        for apply in [gelu as Apply, gelu_tanh, relu, silu] {
            check(apply, 1e30, 1e30);
            check(apply, -1e30, 0.0);
        }
        check(tanh, f32::INFINITY, 1.0);
        check(tanh, f32::NEG_INFINITY, -1.0);
        check(sigmoid, f32::NEG_INFINITY, 0.0);
        for apply in [gelu as Apply, gelu_tanh, relu, silu, tanh, sigmoid] {
            let mut values = [f32::NAN];
            apply(&mut values);
            assert!(values[0].is_nan());
        }
    }
}
