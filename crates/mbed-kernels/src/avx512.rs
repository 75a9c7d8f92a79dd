//! Loads, stores and functions of 16 binary32 values in a register.
//!
//! Loads and stores take arrays and slices, so that what calls them needs no pointers.

#![expect(
    unsafe_code,
    reason = "loads and stores take pointers; these are made from references of the right length"
)]

use std::arch::x86_64::{
    __m256bh, __m512, __m512bh, __m512i, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm512_add_ps,
    _mm512_cvtneps_pbh, _mm512_fmadd_ps, _mm512_fmsub_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_rcp14_ps, _mm512_roundscale_ps, _mm512_scalef_ps, _mm512_set1_ps, _mm512_storeu_ps,
    _mm512_storeu_si512, _mm512_sub_ps,
};

/// Values of a register.
pub(crate) const LANES: usize = 16;

/// Where [`gelu`] stops looking at its argument.
pub(crate) const GELU_END: f32 = 4.15;

/// The coefficients of the polynomial `P` of [`gelu`], from the highest power on.
pub(crate) const GELU_SERIES: [f32; 8] = [
    -9.398_77e-10,
    8.190_89e-8,
    -3.103_650_7e-6,
    6.778_056e-5,
    -9.572_162_5e-4,
    0.009_323_782,
    -0.065_574_71,
    0.398_493_98,
];

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load(values: &[f32; LANES]) -> __m512 {
    // SAFETY: 64 bytes behind the reference are readable, and the instruction needs no alignment.
    unsafe { _mm512_loadu_ps(values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn store(places: &mut [f32; LANES], values: __m512) {
    // SAFETY: 64 bytes behind the unique reference are writable, and the instruction needs no alignment.
    unsafe { _mm512_storeu_ps(places.as_mut_ptr(), values) }
}

/// The first 16 values, zeros where there are fewer.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load_some(values: &[f32]) -> __m512 {
    // SAFETY: the mask has as many bits as values are there, and no more than 16; others are not read.
    unsafe { _mm512_maskz_loadu_ps(mask(values.len()), values.as_ptr()) }
}

/// The values at `start..start + 16`, zeros where there are none.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load_window(values: &[f32], start: isize) -> __m512 {
    if let Some(values) = usize::try_from(start).ok().and_then(|start| values.get(start..)) {
        return load_some(values);
    }
    let mut places = [0.0; LANES];
    for (place, index) in places.iter_mut().zip(start..) {
        *place = usize::try_from(index).ok().and_then(|index| values.get(index)).copied().unwrap_or_default();
    }
    load(&places)
}

/// Writes as many of the values as there are places.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn store_some(places: &mut [f32], values: __m512) {
    // SAFETY: the mask has as many bits as places are there, and no more than 16; others are not written.
    unsafe { _mm512_mask_storeu_ps(places.as_mut_ptr(), mask(places.len()), values) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load_integers(values: &[i32; LANES]) -> __m512i {
    // SAFETY: 64 bytes behind the reference are readable, and the instruction needs no alignment.
    unsafe { _mm512_loadu_si512(values.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load_words(words: &[u16; 2 * LANES]) -> __m512i {
    // SAFETY: 64 bytes behind the reference are readable, and the instruction needs no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn store_words(place: &mut [u16; 2 * LANES], words: __m512i) {
    // SAFETY: 64 bytes behind the unique reference are writable, and the instruction needs no alignment.
    unsafe { _mm512_storeu_si512(place.as_mut_ptr().cast(), words) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
pub(crate) fn words(values: __m512bh) -> __m512i {
    // SAFETY: both are 64 bytes without an invalid pattern.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(values) }
}

/// Rounds to bfloat16.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
pub(crate) fn store_rounded(place: &mut [u16; LANES], values: __m512) {
    let rounded = _mm512_cvtneps_pbh(values);
    // SAFETY: 32 bytes behind the unique reference are writable, and the write needs no alignment.
    unsafe { place.as_mut_ptr().cast::<__m256bh>().write_unaligned(rounded) }
}

/// As many low bits as `count` says, 16 at most.
const fn mask(count: usize) -> u16 {
    if count >= LANES { u16::MAX } else { (1 << count) - 1 }
}

/// `2^x`, relative error below 4e-6, for `x` from -126 to 127. What is below counts as -126; NaN stays.
///
/// `2^r` for `|r| <= 1/2` is a polynomial of the fourth degree with 1 at 0 and the smallest relative error, found by
/// least squares with weights that are raised where the error is largest (Lawson's method) over 2,001 points.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn exp2(x: __m512) -> __m512 {
    const COEFFICIENTS: [f32; 4] = [0.055_906_426, 0.240_240_99, 0.693_124_2, 1.0];
    // The order of the arguments lets NaN through.
    let x = _mm512_max_ps(_mm512_set1_ps(-126.0), x);
    let whole = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
    let rest = _mm512_sub_ps(x, whole);
    let mut series = _mm512_set1_ps(0.009_582_853);
    for coefficient in COEFFICIENTS {
        series = _mm512_fmadd_ps(series, rest, _mm512_set1_ps(coefficient));
    }
    _mm512_scalef_ps(series, whole)
}

/// `1 / (1 + e^-x)`, within 1.3e-4.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn sigmoid(x: __m512) -> __m512 {
    let power = _mm512_mul_ps(x, _mm512_set1_ps(-std::f32::consts::LOG2_E));
    // Where the power is larger, the share is below the smallest normal number.
    let power = _mm512_min_ps(_mm512_set1_ps(126.0), power);
    _mm512_rcp14_ps(_mm512_add_ps(_mm512_set1_ps(1.0), exp2(power)))
}

/// `x / 2 · (1 + erf(x / √2))`, within 8e-5.
///
/// `Φ(x) = 1/2 + x P(x²)` for `|x| <= 4.15`, where `P` has the degree 7 and makes the largest error of `x Φ(x)`
/// smallest under the condition `Φ(4.15) = 1`; it was found by linear programming over 1,500 points. Beyond, `x Φ(x)`
/// is taken as `x` or as its value at -4.15.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn gelu(x: __m512) -> __m512 {
    let left = _mm512_max_ps(_mm512_set1_ps(-GELU_END), x);
    let inner = _mm512_min_ps(_mm512_set1_ps(GELU_END), left);
    let square = _mm512_mul_ps(inner, inner);
    let [first, rest @ ..] = GELU_SERIES;
    let mut series = _mm512_set1_ps(first);
    for coefficient in rest {
        series = _mm512_fmadd_ps(series, square, _mm512_set1_ps(coefficient));
    }
    _mm512_mul_ps(left, _mm512_fmadd_ps(inner, series, _mm512_set1_ps(0.5)))
}

/// `x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`, within 1.3e-4 times the larger of 1 and `|x|`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn gelu_tanh(x: __m512) -> __m512 {
    // Twice √(2/π): (1 + tanh u) / 2 is the sigmoid of 2 u.
    const SCALE: f32 = 1.595_769_2;
    let cubic =
        _mm512_fmadd_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(SCALE * 0.044_715), _mm512_set1_ps(SCALE));
    _mm512_mul_ps(x, sigmoid(_mm512_mul_ps(x, cubic)))
}

/// Within 2.6e-4.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn tanh(x: __m512) -> __m512 {
    _mm512_fmsub_ps(_mm512_set1_ps(2.0), sigmoid(_mm512_add_ps(x, x)), _mm512_set1_ps(1.0))
}
