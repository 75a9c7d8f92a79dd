//! Softmax of a query's scores, 16 keys at a time.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_cvtne2ps_pbh, _mm512_fmadd_ps, _mm512_mask_max_ps, _mm512_maskz_mov_ps,
    _mm512_mul_ps, _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_sub_ps,
};
use std::f32::consts::LOG2_E;

use super::attention::Query;
use super::tiles::{BLOCK, Block, Line};
use crate::avx512::{LANES, exp2, load, load_window, store_words, words};

/// As `scalar::shares`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
pub(super) fn shares<'a>(
    scores: &[Block],
    query: Query<'_>,
    lines: impl Iterator<Item = &'a mut Line>,
) -> f32 {
    let mut largest = _mm512_set1_ps(f32::NEG_INFINITY);
    for (index, block) in scores.iter().enumerate() {
        for half in 0..2 {
            let first = index * BLOCK + half * LANES;
            let score = score(block, half, first, query);
            largest = _mm512_mask_max_ps(largest, seen(first, query), largest, score);
        }
    }
    let largest = _mm512_set1_ps(_mm512_reduce_max_ps(largest));
    let mut sum = _mm512_setzero_ps();
    for (index, (block, line)) in scores.iter().zip(lines).enumerate() {
        let [low, high] = [0, 1].map(|half| {
            let first = index * BLOCK + half * LANES;
            let power = _mm512_sub_ps(score(block, half, first, query), largest);
            _mm512_maskz_mov_ps(seen(first, query), exp2(power))
        });
        sum = _mm512_add_ps(sum, _mm512_add_ps(low, high));
        store_words(&mut line.0, words(_mm512_cvtne2ps_pbh(high, low)));
    }
    _mm512_reduce_add_ps(sum)
}

/// As `scalar::scale_and_round`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
pub(super) fn scale_and_round(values: &[f32; BLOCK], factor: f32) -> Line {
    let factor = _mm512_set1_ps(factor);
    let (halves, _) = values.as_chunks();
    let mut line = Line::ZERO;
    let [low, high] = [_mm512_mul_ps(load(&halves[0]), factor), _mm512_mul_ps(load(&halves[1]), factor)];
    store_words(&mut line.0, words(_mm512_cvtne2ps_pbh(high, low)));
    line
}

/// Scores of 16 keys from key `first` on, as powers of 2.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
fn score(block: &Block, half: usize, first: usize, query: Query<'_>) -> __m512 {
    let (halves, _) = block.0[query.row].as_chunks();
    let products = load(&halves[half]);
    let scale = _mm512_set1_ps(query.scale * LOG2_E);
    if query.bias.is_empty() {
        return _mm512_mul_ps(products, scale);
    }
    let bias = load_window(query.bias, first as isize - query.seen.0 as isize);
    _mm512_fmadd_ps(products, scale, _mm512_mul_ps(bias, _mm512_set1_ps(LOG2_E)))
}

/// A bit for each of 16 keys from key `first` on that the query sees.
#[inline]
const fn seen(first: usize, query: Query<'_>) -> u16 {
    below(query.seen.1, first) & !below(query.seen.0, first)
}

/// A bit for each of 16 keys from key `first` on that comes before `end`.
#[inline]
const fn below(end: usize, first: usize) -> u16 {
    let count = end.saturating_sub(first);
    if count >= LANES { u16::MAX } else { (1 << count) - 1 }
}
