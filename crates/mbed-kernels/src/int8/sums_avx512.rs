//! Blocks of whole sums, 16 at a time.

use std::arch::x86_64::{_mm512_cvtepi32_ps, _mm512_mul_ps, _mm512_set1_ps};

use super::sums::{Scales, Sums};
use crate::avx512::{load, load_integers, store};
use crate::bf16::tiles::Block;

/// As `sums::scale`.
#[target_feature(enable = "avx512f")]
pub(super) fn scale(sums: &Sums, scales: Scales<'_>, block: &mut Block) {
    let columns = scales.columns.as_chunks().0;
    for ((sums, values), &row) in sums.0.iter().zip(&mut block.0).zip(scales.rows) {
        let row = _mm512_set1_ps(row);
        let halves = sums.as_chunks().0.iter().zip(values.as_chunks_mut().0).zip(columns);
        for ((sums, values), columns) in halves {
            let scale = _mm512_mul_ps(load(columns), row);
            store(values, _mm512_mul_ps(_mm512_cvtepi32_ps(load_integers(sums)), scale));
        }
    }
}
