//! Functions of a register of values.

use pulp::Simd;

use crate::gemm::multiply_add;

/// Where the polynomial of [`gelu`] ends.
const GELU_END: f32 = 5.2;

/// The polynomial of [`gelu`], from the highest power on.
const GELU_SERIES: [f32; 14] = [
    -3.882_432_6e-4,
    0.001_188_689_7,
    -0.001_468_752,
    0.002_005_170_3,
    -0.004_542_334_5,
    0.008_365_105,
    -0.012_619_65,
    0.018_038_768,
    -0.024_698_842,
    0.031_973_917,
    -0.039_931_986,
    0.050_025_616,
    -0.067_743_62,
    0.135_949_98,
];

/// `e^x` for `x <= 0`, relative error below 4e-7 down to -87, and 0 from there on; NaN stays.
///
/// `x = n ln 2 + r`, and `e^r` is `1 + r` and a polynomial with the smallest relative error that lets, 1.1e-7; it was found
/// by least squares with weights that are raised where the error is largest (Lawson's method).
#[inline(always)]
pub(crate) fn exp_below_zero<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // 1.5 · 2^23: adding it rounds to an integer, which the low bits of the sum then hold.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: the first has few enough bits that n times it is exact.
    const LN2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const SERIES: [f32; 6] = [0.008_312_507_5, 0.041_890_15, 0.166_671_14, 0.499_992_3, 1.0, 1.0];
    let low = simd.splat_f32s(-87.0);
    let is_below = simd.less_than_f32s(x, low);
    let inner = simd.select_f32s(is_below, low, x);
    let shifted =
        multiply_add(simd, inner, simd.splat_f32s(std::f32::consts::LOG2_E), simd.splat_f32s(ROUND));
    let whole = simd.sub_f32s(shifted, simd.splat_f32s(ROUND));
    let rest = multiply_add(simd, whole, simd.splat_f32s(-LN2[0]), inner);
    let rest = multiply_add(simd, whole, simd.splat_f32s(-LN2[1]), rest);
    let [first, others @ ..] = SERIES;
    let mut series = simd.splat_f32s(first);
    for coefficient in others {
        series = multiply_add(simd, series, rest, simd.splat_f32s(coefficient));
    }
    // n is added to the exponent; the bits of 1.5 · 2^23 leave the register on the way there.
    let exponent = simd
        .wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(f32::MANTISSA_DIGITS - 1));
    let value = simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(series), exponent));
    simd.select_f32s(is_below, simd.splat_f32s(0.0), value)
}

/// `x / 2 · (1 + erf(x / √2))`, within 1e-6 for all finite `x`; NaN stays.
///
/// `Φ(x) = 1/2 + x P(x²)` for `|x| <= 5.2`, where `P` is a polynomial of degree 13 in `2 x² / 5.2² - 1` that makes the
/// largest error of `x Φ(x)` smallest, 1.5e-7; it was found as that of [`exp_below_zero`]. Beyond, `x Φ(x)` is taken as `x`
/// or as 0, which is off by 5.2e-7 at most.
#[inline(always)]
fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (low, high) = (simd.splat_f32s(-GELU_END), simd.splat_f32s(GELU_END));
    let (is_below, is_above) = (simd.less_than_f32s(x, low), simd.greater_than_f32s(x, high));
    let inner = simd.select_f32s(is_above, high, simd.select_f32s(is_below, low, x));
    let square = simd.mul_f32s(inner, inner);
    let place =
        multiply_add(simd, square, simd.splat_f32s(2.0 / (GELU_END * GELU_END)), simd.splat_f32s(-1.0));
    let [first, others @ ..] = GELU_SERIES;
    let mut series = simd.splat_f32s(first);
    for coefficient in others {
        series = multiply_add(simd, series, place, simd.splat_f32s(coefficient));
    }
    let value = simd.mul_f32s(inner, multiply_add(simd, inner, series, simd.splat_f32s(0.5)));
    simd.select_f32s(is_above, x, simd.select_f32s(is_below, simd.splat_f32s(0.0), value))
}

#[inline(always)]
pub(super) fn gelu_all<S: Simd>(simd: S, values: &mut [f32]) {
    let (whole, rest) = S::as_mut_simd_f32s(values);
    for values in whole {
        *values = gelu(simd, *values);
    }
    if !rest.is_empty() {
        let values = gelu(simd, simd.partial_load_f32s(rest));
        simd.partial_store_f32s(rest, values);
    }
}

#[cfg(test)]
mod tests {
    use pulp::{Simd, WithSimd};

    use super::exp_below_zero;
    use crate::{Isa, Level};

    struct Powers<'a>(&'a mut [f32]);

    impl WithSimd for Powers<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for values in S::as_mut_simd_f32s(self.0).0 {
                *values = exp_below_zero(simd, *values);
            }
        }
    }

    #[test]
    fn powers_of_e_are_within_their_bound_on_every_path() {
        for level in Level::ALL {
            let inputs: Vec<f32> = (0..160_000).map(|i| i as f32 / -2000.0).collect();
            let mut outputs = inputs.clone();
            Isa::detect().at_most(level).vectorize(Powers(&mut outputs));
            for (x, y) in inputs.into_iter().zip(outputs) {
                let truth = f64::from(x).exp();
                let error = (f64::from(y) - truth).abs() / truth;
                assert!(error < 4e-7, "{level}: exp({x}) = {y}, off by {error:e}");
            }
            let mut edges = [0.0; 16];
            edges[..4].copy_from_slice(&[f32::NEG_INFINITY, -87.5, f32::NAN, 0.0]);
            Isa::detect().at_most(level).vectorize(Powers(&mut edges));
            assert!(edges[..2] == [0.0, 0.0] && edges[2].is_nan() && edges[3] == 1.0, "{level}: {edges:?}");
        }
    }
}
