//! Who computes blocks of bytes: see [`crate::bf16::machine`].

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "functions for AVX-512 are called where a level proves that it is there")
)]

use super::quantize::{self, Facts};
use super::sums::{self, Scales, Sums};
#[cfg(target_arch = "x86_64")]
use super::{quantize_avx512, sums_avx512};
use crate::Isa;
#[cfg(target_arch = "x86_64")]
use crate::bf16::amx_beside;
use crate::bf16::finish::{Output, Place};
use crate::bf16::machine::Machine;
use crate::bf16::tiles::{Block, HEIGHT, Line};
use crate::norm::Norm;

/// Sums that wait for their scales, and their place.
pub(super) struct Waiting<'a> {
    pub(super) sums: &'a Sums,
    pub(super) scales: Scales<'a>,
    pub(super) place: Place<'a>,
}

impl Machine {
    /// `sums = a · b`, see `amx::Tiles::multiply_bytes`.
    pub(super) fn multiply_bytes(&self, a: &[Line], b: &[Line], sums: &mut Sums) {
        match self {
            Self::Scalar => sums::multiply(a, b, sums),
            #[cfg(target_arch = "x86_64")]
            Self::Amx(tiles) => tiles.multiply_bytes(a, b, sums),
        }
    }

    /// `sums = a · b`, and what [`Machine::finish_bytes`] does to the block before.
    pub(super) fn multiply_bytes_and_finish(
        &self,
        (a, b): (&[Line], &[Line]),
        sums: &mut Sums,
        before: Waiting<'_>,
        output: &mut Output<'_>,
    ) {
        #[cfg(target_arch = "x86_64")]
        if let Self::Amx(tiles) = self
            && amx_beside::bytes_have_room(a, b)
            && let Some(waiting) =
                amx_beside::Waiting::new((before.sums, before.scales), &before.place, output)
        {
            // SAFETY: as in `scale`.
            return unsafe { amx_beside::multiply_bytes(tiles, (a, b), sums, waiting) };
        }
        self.multiply_bytes(a, b, sums);
        self.finish_bytes(before, output);
    }

    /// Multiplies sums by their scales, adds the bias and brings the block to its place.
    pub(super) fn finish_bytes(&self, waiting: Waiting<'_>, output: &mut Output<'_>) {
        let mut block = Block::ZERO;
        self.scale(waiting.sums, waiting.scales, &mut block);
        self.finish(&mut block, waiting.place, output);
    }

    fn scale(&self, sums: &Sums, scales: Scales<'_>, block: &mut Block) {
        match self {
            Self::Scalar => sums::scale(sums, scales, block),
            // SAFETY: tiles are configured where the level is AMX alone, which stands for AVX-512 and its bfloat16.
            #[cfg(target_arch = "x86_64")]
            Self::Amx(_) => unsafe { sums_avx512::scale(sums, scales, block) },
        }
    }
}

/// Rounds a row of binary32 values to bytes.
pub(super) fn quantize_row<'a>(isa: Isa, values: &[f32], lines: impl Iterator<Item = &'a mut Line>) -> Facts {
    #[cfg(target_arch = "x86_64")]
    if isa.has(crate::Level::Avx512) {
        // SAFETY: the level stands for AVX-512.
        return unsafe { quantize_avx512::quantize(values, lines) };
    }
    let _ = isa;
    quantize::quantize(values, lines)
}

/// Normalises a row in place and rounds it to bytes.
pub(super) fn norm_and_quantize_row<'a>(
    isa: Isa,
    norm: &Norm,
    values: &mut [f32],
    lines: impl Iterator<Item = &'a mut Line>,
) -> Facts {
    crate::bf16::machine::norm_row(isa, norm, values);
    quantize_row(isa, values, lines)
}

/// Rounds 16 rows of bfloat16 values, 32 columns after 32 columns, to bytes, 64 columns after 64 columns.
pub(super) fn quantize_words<'a, 'b>(
    isa: Isa,
    words: impl Iterator<Item = &'b [Line; HEIGHT]> + Clone,
    tiles: impl Iterator<Item = &'a mut [Line; HEIGHT]>,
    scales: &mut [f32; HEIGHT],
) {
    #[cfg(target_arch = "x86_64")]
    if isa.has(crate::Level::Avx512) {
        // SAFETY: the level stands for AVX-512.
        return unsafe { quantize_avx512::quantize_words(words, tiles, scales) };
    }
    let _ = isa;
    quantize::quantize_words(words, tiles, scales);
}
