//! Who computes blocks: tiles, or plain loops.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "functions for AVX-512 are called where a level proves that it is there")
)]

use super::attention::Query;
use super::finish::{Output, Place};
use super::tiles::{BLOCK, Block, HEIGHT, Line};
use super::{TileRows, scalar};
use crate::Isa;
use crate::activation::Function;
use crate::norm::Norm;

#[cfg(target_arch = "x86_64")]
use super::{amx::Tiles, amx_beside, finish_avx512, norm_avx512, shares_avx512, turn_avx512};

/// Who computes blocks on this thread, as long as it lives.
pub(crate) enum Machine {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Amx(Tiles),
}

impl Machine {
    pub(crate) fn start(isa: Isa) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(tiles) = Tiles::configure(isa) {
            return Self::Amx(tiles);
        }
        let _ = isa;
        Self::Scalar
    }

    /// `block = a · b`, see `amx::Tiles::multiply`.
    #[inline]
    pub(crate) fn multiply(&self, a: &[Line], b: &[Line], block: &mut Block) {
        match self {
            Self::Scalar => scalar::multiply(a, b, block),
            #[cfg(target_arch = "x86_64")]
            Self::Amx(tiles) => tiles.multiply(a, b, block),
        }
    }

    /// `block = a · b`, and what [`Machine::finish`] does to the block before.
    #[inline]
    pub(crate) fn multiply_and_finish(
        &self,
        (a, b): (&[Line], &[Line]),
        block: &mut Block,
        (before, place): (&mut Block, Place<'_>),
        output: &mut Output<'_>,
    ) {
        #[cfg(target_arch = "x86_64")]
        if let Self::Amx(tiles) = self
            && amx_beside::has_room(a, b)
            && let Some(waiting) = amx_beside::Waiting::new((&*before, ()), &place, output)
        {
            // SAFETY: as in `finish`.
            return unsafe { amx_beside::multiply(tiles, (a, b), block, waiting) };
        }
        self.multiply(a, b, block);
        self.finish(before, place, output);
    }

    /// Adds the bias and brings the block to its place.
    #[inline]
    pub(crate) fn finish(&self, block: &mut Block, place: Place<'_>, output: &mut Output<'_>) {
        match self {
            Self::Scalar => scalar::finish(block, place, output),
            // SAFETY: tiles are configured where the level is AMX alone, which stands for AVX-512 and its bfloat16.
            #[cfg(target_arch = "x86_64")]
            Self::Amx(_) => unsafe { finish_avx512::finish(block, place, output) },
        }
    }

    /// Adds the bias and brings `function(first half) · second half` of the block's columns to their place.
    #[inline]
    pub(crate) fn finish_gated(
        &self,
        block: &mut Block,
        place: Place<'_>,
        function: Function,
        tiles: &mut TileRows,
    ) {
        match self {
            Self::Scalar => scalar::finish_gated(block, place, function, tiles),
            // SAFETY: as in `finish`.
            #[cfg(target_arch = "x86_64")]
            Self::Amx(_) => unsafe { finish_avx512::finish_gated(block, place, function, tiles) },
        }
    }

    /// Turns a query's scores into powers of e, the largest 1, and gives their sum; 0 for keys that are not seen.
    #[inline]
    pub(super) fn shares<'a>(
        &self,
        scores: &[Block],
        query: Query<'_>,
        lines: impl Iterator<Item = &'a mut Line>,
    ) -> f32 {
        match self {
            Self::Scalar => scalar::shares(scores, query, lines),
            // SAFETY: as in `finish`.
            #[cfg(target_arch = "x86_64")]
            Self::Amx(_) => unsafe { shares_avx512::shares(scores, query, lines) },
        }
    }

    /// As [`Machine::shares`] for four rows of the blocks from `first` on, or as many as there are `sums`, where every
    /// query sees all keys and nothing is added to scores. Rows behind, up to the fourth, may be overwritten.
    pub(super) fn shares_of_all(
        &self,
        scores: &[Block],
        (keys, scale): (usize, f32),
        (first, shares): (usize, &mut TileRows),
        sums: &mut [f32],
    ) {
        match self {
            Self::Scalar => {
                for (sum, row) in sums.iter_mut().zip(first..) {
                    let query = Query { row, scale, seen: (0, keys), bias: &[] };
                    *sum = scalar::shares(scores, query, shares.line_places(row));
                }
            }
            // SAFETY: as in `finish`.
            #[cfg(target_arch = "x86_64")]
            Self::Amx(_) => unsafe {
                shares_avx512::shares_of_all(scores, (keys, scale), (first, shares.first_blocks_mut()), sums);
            },
        }
    }

    /// Turns 16 lines of 16 pairs each: line `i` of the result has pair `i` of every line.
    #[inline]
    pub(crate) fn turn(&self, lines: &[Line; HEIGHT], tile: &mut [Line; HEIGHT]) {
        match self {
            Self::Scalar => scalar::turn(lines, tile),
            // SAFETY: as in `finish`.
            #[cfg(target_arch = "x86_64")]
            Self::Amx(_) => unsafe { turn_avx512::turn(lines, tile) },
        }
    }

    /// Takes values of two lines by turns: those of the first halves, then those of the second.
    #[inline]
    pub(crate) fn mix(&self, first: &Line, second: &Line, places: [&mut Line; 2]) {
        match self {
            Self::Scalar => scalar::mix(first, second, places),
            // SAFETY: as in `finish`.
            #[cfg(target_arch = "x86_64")]
            Self::Amx(_) => unsafe { turn_avx512::mix(first, second, places) },
        }
    }

    /// Multiplies each row by its factor and rounds it into its line.
    #[inline]
    pub(crate) fn scale_and_round(&self, rows: &[[f32; BLOCK]], factors: &[f32], lines: &mut [Line]) {
        match self {
            Self::Scalar => scalar::scale_and_round(rows, factors, lines),
            // SAFETY: as in `finish`.
            #[cfg(target_arch = "x86_64")]
            Self::Amx(_) => unsafe { shares_avx512::scale_and_round(rows, factors, lines) },
        }
    }
}

/// Rounds a row into its lines.
#[inline]
pub(crate) fn round_row<'a>(isa: Isa, values: &[f32], lines: impl Iterator<Item = &'a mut Line>) {
    #[cfg(target_arch = "x86_64")]
    if isa.has(crate::Level::Amx) {
        // SAFETY: the level stands for AVX-512 and its bfloat16.
        return unsafe { finish_avx512::round_row(values, lines) };
    }
    let _ = isa;
    scalar::round_row(values, lines);
}

/// Normalises a row in place and rounds it into its lines.
#[inline]
pub(crate) fn norm_and_round_row<'a>(
    isa: Isa,
    norm: &Norm,
    values: &mut [f32],
    lines: impl Iterator<Item = &'a mut Line>,
) {
    #[cfg(target_arch = "x86_64")]
    if isa.has(crate::Level::Amx) && values.len().is_multiple_of(BLOCK) {
        // SAFETY: the level stands for AVX-512 and its bfloat16.
        return unsafe { norm_avx512::norm_and_round(norm, values, lines) };
    }
    norm.apply(values);
    round_row(isa, values, lines);
}

/// Normalises a row in place, with the bits of [`norm_and_round_row`].
#[inline]
pub(crate) fn norm_row(isa: Isa, norm: &Norm, values: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if isa.has(crate::Level::Avx512) && values.len().is_multiple_of(BLOCK) {
        // SAFETY: the level stands for AVX-512.
        return unsafe { norm_avx512::norm(norm, values) };
    }
    let _ = isa;
    norm.apply(values);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_turn_and_mix_as_plain_loops_do() {
        let lines: [Line; HEIGHT] =
            std::array::from_fn(|row| Line(std::array::from_fn(|i| (row * 32 + i) as u16)));
        let [mut turned, mut expected] = [[Line::ZERO; HEIGHT]; 2];
        Machine::start(Isa::detect()).turn(&lines, &mut turned);
        scalar::turn(&lines, &mut expected);
        assert_eq!(turned, expected);
        assert_eq!(expected[3].0[4..6], [2 * 32 + 6, 2 * 32 + 7], "pair 3 of line 2");
        let [mut low, mut high, mut expected_low, mut expected_high] = [Line::ZERO; 4];
        Machine::start(Isa::detect()).mix(&lines[0], &lines[1], [&mut low, &mut high]);
        scalar::mix(&lines[0], &lines[1], [&mut expected_low, &mut expected_high]);
        assert_eq!((low, high), (expected_low, expected_high));
        assert_eq!(expected_high.0[..3], [16, 48, 17]);
    }
}
