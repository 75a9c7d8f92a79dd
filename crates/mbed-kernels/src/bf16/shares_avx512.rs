//! Softmax of a query's scores, 16 keys at a time.

use std::arch::x86_64::{
    __m512, _mm512_add_epi32, _mm512_add_ps, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cvtne2ps_pbh,
    _mm512_fmadd_ps, _mm512_fmsub_ps, _mm512_mask_max_ps, _mm512_maskz_mov_ps, _mm512_max_ps, _mm512_mul_ps,
    _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32,
    _mm512_sub_ps,
};
use std::f32::consts::LOG2_E;

use super::attention::{Query, SIDE_BY_SIDE};
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

/// As `Machine::shares_of_all`: the instructions of one row alone wait for each other most of the time.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
pub(super) fn shares_of_all(
    scores: &[Block],
    (keys, scale): (usize, f32),
    (first, shares): (usize, &mut [[Line; BLOCK]]),
    sums: &mut [f32],
) {
    let rows = first..first + SIDE_BY_SIDE;
    let scale = _mm512_set1_ps(scale * LOG2_E);
    let mut largest = [_mm512_set1_ps(f32::NEG_INFINITY); SIDE_BY_SIDE];
    for (block, start) in scores.iter().zip((0..).step_by(BLOCK)) {
        let masks = [below(keys, start), below(keys, start + LANES)];
        let rows = block.0[rows.clone()].iter().zip(&mut largest);
        if masks[1] == u16::MAX {
            for (row, largest) in rows {
                let halves = row.as_chunks().0;
                *largest = _mm512_max_ps(*largest, _mm512_max_ps(load(&halves[0]), load(&halves[1])));
            }
            continue;
        }
        for (row, largest) in rows {
            for (half, mask) in row.as_chunks().0.iter().zip(masks) {
                *largest = _mm512_mask_max_ps(*largest, mask, *largest, load(half));
            }
        }
    }
    let largest = largest.map(|largest| _mm512_mul_ps(_mm512_set1_ps(_mm512_reduce_max_ps(largest)), scale));
    let mut partial = [_mm512_setzero_ps(); SIDE_BY_SIDE];
    for ((block, lines), start) in scores.iter().zip(shares).zip((0..).step_by(BLOCK)) {
        let masks = [below(keys, start), below(keys, start + LANES)];
        let places = block.0[rows.clone()].iter().zip(&mut lines[rows.clone()]);
        for ((row, line), (&largest, partial)) in places.zip(largest.iter().zip(&mut partial)) {
            let halves = row.as_chunks().0;
            let share = |half: usize| exp2_below_1(_mm512_fmsub_ps(load(&halves[half]), scale, largest));
            let (low, high) = if masks[1] == u16::MAX {
                (share(0), share(1))
            } else {
                let high = if masks[1] == 0 { _mm512_setzero_ps() } else { share(1) };
                (_mm512_maskz_mov_ps(masks[0], share(0)), _mm512_maskz_mov_ps(masks[1], high))
            };
            *partial = _mm512_add_ps(*partial, _mm512_add_ps(low, high));
            store_words(&mut line.0, words(_mm512_cvtne2ps_pbh(high, low)));
        }
    }
    for (sum, partial) in sums.iter_mut().zip(partial) {
        *sum = _mm512_reduce_add_ps(partial);
    }
}

/// `2^x`, relative error below 8e-5, for `x` up to 0; what is below -125 counts as that.
///
/// `2^r` for `|r| <= 1/2` is a polynomial of the third degree with the smallest relative error, found as that of
/// [`crate::avx512::exp2`], which has one term more; a rounding to bfloat16 follows, which is 25 times coarser. Adding
/// 3/2 · 2^23 rounds to a whole number, which then stands in the lowest bits, from where it goes to the exponent.
#[inline]
#[target_feature(enable = "avx512f")]
fn exp2_below_1(x: __m512) -> __m512 {
    const COEFFICIENTS: [f32; 3] = [0.242_611_23, 0.693_260_97, 0.999_928_06];
    let magic = _mm512_set1_ps(12_582_912.0);
    // The order of the arguments lets NaN through, whose lowest bits are zero where products made it.
    let x = _mm512_max_ps(_mm512_set1_ps(-125.0), x);
    let shifted = _mm512_add_ps(x, magic);
    let rest = _mm512_sub_ps(x, _mm512_sub_ps(shifted, magic));
    let mut series = _mm512_set1_ps(0.055_171_71);
    for coefficient in COEFFICIENTS {
        series = _mm512_fmadd_ps(series, rest, _mm512_set1_ps(coefficient));
    }
    let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(shifted));
    _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(series), exponent))
}

/// As `scalar::scale_and_round`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
pub(super) fn scale_and_round(rows: &[[f32; BLOCK]], factors: &[f32], lines: &mut [Line]) {
    for ((row, &factor), line) in rows.iter().zip(factors).zip(lines) {
        let (halves, factor) = (row.as_chunks().0, _mm512_set1_ps(factor));
        let [low, high] = [0, 1].map(|half| _mm512_mul_ps(load(&halves[half]), factor));
        store_words(&mut line.0, words(_mm512_cvtne2ps_pbh(high, low)));
    }
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
