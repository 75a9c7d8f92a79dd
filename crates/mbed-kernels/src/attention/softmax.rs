//! Scores to shares, one query at a time.

use std::ops::Range;

use pulp::Simd;

use crate::activation::exp_below_zero;
use crate::gemm::LINE;

/// Adds what belongs to them to the scores of the keys that a query sees, and takes the others out.
#[inline(always)]
pub(super) fn limit(row: &mut [[f32; LINE]], first: usize, seen: &Range<usize>, bias: &[f32]) {
    for (line, start) in row.iter_mut().zip((first..).step_by(LINE)) {
        let is_inside = seen.start <= start && start + LINE <= seen.end;
        if is_inside {
            for (score, added) in line.iter_mut().zip(bias.get(start - seen.start..).unwrap_or_default()) {
                *score += added;
            }
            continue;
        }
        for (score, key) in line.iter_mut().zip(start..) {
            *score = if seen.contains(&key) {
                *score + bias.get(key - seen.start).copied().unwrap_or_default()
            } else {
                f32::NEG_INFINITY
            };
        }
    }
}

/// Turns scores into powers of e, the largest 1, and gives the inverse of their sum. NaN is let through.
#[inline(always)]
pub(super) fn softmax<S: Simd>(simd: S, row: &mut [[f32; LINE]]) -> f32 {
    let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
    for line in &*row {
        for &scores in S::as_simd_f32s(line).0 {
            largest = simd.max_f32s(largest, scores);
        }
    }
    let largest = simd.splat_f32s(simd.reduce_max_f32s(largest));
    let mut sum = simd.splat_f32s(0.0);
    for line in row {
        for scores in S::as_mut_simd_f32s(line).0 {
            *scores = exp_below_zero(simd, simd.sub_f32s(*scores, largest));
            sum = simd.add_f32s(sum, *scores);
        }
    }
    1.0 / simd.reduce_sum_f32s(sum)
}
