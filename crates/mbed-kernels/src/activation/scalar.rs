//! One value at a time, without branches, so that loops over them vectorise.

/// 1.5 · 2^23: adding and subtracting it rounds to the nearest integer in the default rounding mode.
const ROUND: f32 = 12_582_912.0;

/// `e^x`, relative error below 2e-7 where the result is a normal number; 0 below, infinity above.
///
/// `x = n ln 2 + r` with `|r| <= ln 2 / 2`, then the Taylor series of `e^r` to the seventh power, whose remainder
/// `r^8 / 8!` is below 6e-9, times `2^n`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // ln 2 in two parts: the first has few enough bits that n times it is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // e^-87.33 is the smallest normal number's neighbourhood, e^88.72 the largest number's.
    let clamped = clamp(x, -87.33, 88.72);
    let n = (clamped * std::f32::consts::LOG2_E + ROUND) - ROUND;
    // 2^n is made of two halves so that n = 128 does not overflow on the way.
    let r = (clamped - n * LN2_HIGH) - n * LN2_LOW;
    let mut series = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = series * r + coefficient;
    }
    let half = (n * 0.5 + ROUND) - ROUND;
    let value = series * power_of_two(half) * power_of_two(n - half);
    let value = if x > 88.72 { f32::INFINITY } else { value };
    let value = if x < -87.33 { 0.0 } else { value };
    if x.is_nan() { x } else { value }
}

/// `2^n` for whole `n` in -126..=127.
#[inline(always)]
fn power_of_two(n: f32) -> f32 {
    // The low bits of n + 1.5 · 2^23 are n itself above those of 1.5 · 2^23, which are 0x4B40_0000.
    let whole = (n + ROUND).to_bits().wrapping_sub(ROUND.to_bits());
    f32::from_bits(whole.wrapping_add(127) << 23)
}

#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > low { x } else { low };
    if x < high { x } else { high }
}

#[inline(always)]
pub(super) fn gelu_tanh(x: f32) -> f32 {
    // √(2/π)
    const SCALE: f32 = 0.797_884_6;
    let inner = SCALE * (x + 0.044_715 * x * x * x);
    // (1 + tanh(u)) / 2 = 1 / (1 + e^(-2u))
    x * sigmoid(2.0 * inner)
}

#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn exp_is_within_its_relative_bound() {
        for step in -87_000..=88_700 {
            let x = step as f32 / 1000.0;
            let truth = f64::from(x).exp();
            let error = (f64::from(exp(x)) - truth).abs() / truth;
            assert!(error < 2e-7, "exp({x}) = {}, off by {error:e}", exp(x));
        }
        assert_eq!(exp(-1e9), 0.0);
        assert_eq!(exp(1e9), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
    }
}
