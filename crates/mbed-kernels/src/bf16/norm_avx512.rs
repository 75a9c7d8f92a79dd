//! A norm of a row and its rounding in one go, 16 values at a time.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_cvtne2ps_pbh, _mm512_fmadd_ps, _mm512_mul_ps, _mm512_reduce_add_ps,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_sub_ps,
};

use super::tiles::{Line, WIDTH};
use crate::avx512::{LANES, load, store, store_words, words};
use crate::norm::{Norm, NormKind};

/// Additions side by side: as many as the cycles that one takes.
const CHAINS: usize = 4;

/// Normalises a row of whole lines in place, and rounds it into `lines`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
pub(super) fn norm_and_round<'a>(norm: &Norm, row: &mut [f32], lines: impl Iterator<Item = &'a mut Line>) {
    let around = around(norm, row);
    for (index, (values, line)) in row.as_chunks_mut::<WIDTH>().0.iter_mut().zip(lines).enumerate() {
        let [low, high] = normalise(norm, around, values, index);
        store_words(&mut line.0, words(_mm512_cvtne2ps_pbh(high, low)));
    }
}

/// Normalises a row of whole lines in place.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn norm(norm: &Norm, row: &mut [f32]) {
    let around = around(norm, row);
    for (index, values) in row.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
        normalise(norm, around, values, index);
    }
}

/// What is subtracted from every value of a row, and what the rest is multiplied by.
#[inline]
#[target_feature(enable = "avx512f")]
fn around(norm: &Norm, row: &[f32]) -> (__m512, __m512) {
    let count = row.len() as f32;
    let (values, _) = row.as_chunks();
    let mean = match norm.kind() {
        NormKind::Layer => fold(values, |sum, x| _mm512_add_ps(sum, x)) / count,
        NormKind::Rms => 0.0,
    };
    let mean = _mm512_set1_ps(mean);
    let squares = fold(values, |sum, x| {
        let distance = _mm512_sub_ps(x, mean);
        _mm512_fmadd_ps(distance, distance, sum)
    });
    (mean, _mm512_set1_ps(1.0 / (squares / count + norm.epsilon()).sqrt()))
}

/// Replaces the values of a row from `32 · index` on, and gives them.
#[inline]
#[target_feature(enable = "avx512f")]
fn normalise(
    norm: &Norm,
    (mean, inverse): (__m512, __m512),
    values: &mut [f32; WIDTH],
    index: usize,
) -> [__m512; 2] {
    let (scale, shift) = (norm.scale().as_chunks().0, norm.shift().as_chunks().0);
    let mut results = [_mm512_setzero_ps(); 2];
    for ((values, result), place) in values.as_chunks_mut().0.iter_mut().zip(&mut results).zip(2 * index..) {
        let x = _mm512_mul_ps(_mm512_sub_ps(load(values), mean), inverse);
        let shift = shift.get(place).map_or(_mm512_setzero_ps(), |shift| load(shift));
        *result = _mm512_fmadd_ps(x, load(&scale[place]), shift);
        store(values, *result);
    }
    results
}

#[inline]
#[target_feature(enable = "avx512f")]
fn fold(values: &[[f32; LANES]], add: impl Fn(__m512, __m512) -> __m512) -> f32 {
    let mut sums = [_mm512_setzero_ps(); CHAINS];
    let (groups, rest) = values.as_chunks::<CHAINS>();
    for group in groups {
        for (sum, values) in sums.iter_mut().zip(group) {
            *sum = add(*sum, load(values));
        }
    }
    for (sum, values) in sums.iter_mut().zip(rest) {
        *sum = add(*sum, load(values));
    }
    let [a, b, c, d] = sums;
    _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)))
}
