//! Blocks of products on AMX tiles.
//!
//! Four tiles hold the sums of a block, and each step loads two tiles of rows and two of columns for four products:
//! of bfloat16 values, or of bytes. Loads and products of a step are macros, because [`super::amx_beside`] puts other
//! work between them.

#![expect(
    unsafe_code,
    reason = "AMX has no intrinsics on stable Rust; the assembly reads and writes checked slices"
)]

use std::arch::asm;
use std::marker::PhantomData;

use super::tiles::{BLOCK, Block, Line};
use crate::int8::Sums;
use crate::{Isa, Level};

/// Lines of rows, and of columns, that a step reads.
pub(super) const STEP: usize = BLOCK;

macro_rules! start_sums {
    () => {
        "tilezero tmm0\n tilezero tmm1\n tilezero tmm2\n tilezero tmm3"
    };
}

/// Rows are loaded as what is not needed again soon (`tileloaddt1`), so that columns, which are, and the sums stay in
/// the first-level cache: blocks of 384 inputs took a fifth less time.
macro_rules! load_step {
    () => {
        concat!(
            "tileloaddt1 tmm4, [{a} + {stride}]\n",
            "tileloadd tmm6, [{b} + {stride}]\n",
            "tileloadd tmm7, [{b} + {stride} + 1024]\n",
            "tileloaddt1 tmm5, [{a} + {stride} + 1024]\n",
            "add {a}, 2048\n",
            "add {b}, 2048\n",
        )
    };
}

macro_rules! multiply_step {
    ($operation:literal) => {
        concat!(
            $operation,
            " tmm0, tmm4, tmm6\n",
            $operation,
            " tmm1, tmm4, tmm7\n",
            $operation,
            " tmm2, tmm5, tmm6\n",
            $operation,
            " tmm3, tmm5, tmm7\n",
        )
    };
}

macro_rules! store_sums {
    () => {
        concat!(
            "tilestored [{place} + {stride} * 2], tmm0\n",
            "tilestored [{place} + {stride} * 2 + 64], tmm1\n",
            "tilestored [{place} + {stride} * 2 + 2048], tmm2\n",
            "tilestored [{place} + {stride} * 2 + 2112], tmm3\n",
        )
    };
}

/// A block's product.
macro_rules! multiply_all {
    ($operation:literal, $a:expr, $b:expr, $steps:expr, $place:expr) => {
        asm!(
            start_sums!(),
            "2:",
            load_step!(),
            multiply_step!($operation),
            "dec {steps}",
            "jnz 2b",
            store_sums!(),
            a = inout(reg) $a => _,
            b = inout(reg) $b => _,
            steps = inout(reg) $steps => _,
            place = in(reg) $place,
            stride = in(reg) size_of::<Line>(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

pub(super) use {load_step, multiply_step, start_sums, store_sums};

/// The configuration of all eight tiles as 16 rows of 64 bytes, in the form that `ldtilecfg` reads (Intel SDM,
/// volume 1, chapter 18).
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_a_row: [u16; 16],
    rows: [u8; 16],
}

static WHOLE_TILES: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes_a_row: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Tiles of this thread, configured as long as this lives. Not to be nested: the inner one's end would end both.
pub(crate) struct Tiles {
    /// Tiles belong to a thread.
    thread: PhantomData<*mut ()>,
}

impl Tiles {
    /// Configures the tiles of this thread, where `isa` has any.
    pub(crate) fn configure(isa: Isa) -> Option<Self> {
        if !isa.has(Level::Amx) {
            return None;
        }
        // SAFETY: `isa` proves that the processor has tiles and that this process may use them; the configuration
        // is 64 readable bytes of the form that the instruction asks for.
        unsafe {
            asm!(
                "ldtilecfg [{configuration}]",
                configuration = in(reg) &raw const WHOLE_TILES,
                options(nostack, readonly, preserves_flags),
            );
        }
        Some(Self { thread: PhantomData })
    }

    /// `block = a · b` for a block of 32 × 32: for each 32 columns `a` has two tiles of 16 rows, one behind the other,
    /// and `b` two tiles of 16 columns. What one has more than the other is left out.
    pub(super) fn multiply(&self, a: &[Line], b: &[Line], block: &mut Block) {
        let steps = a.len().min(b.len()) / STEP;
        if steps == 0 {
            *block = Block::ZERO;
            return;
        }
        // SAFETY: tiles are configured as long as `self` lives, on this thread. Each step reads 2 KiB, two tiles, from
        // `a` and from `b`, and `steps` is above 0 and no more than either has. The block is 32 rows of 128 bytes, of
        // which each of the four tiles writes 16 rows of 64 bytes.
        unsafe { multiply_all!("tdpbf16ps", a.as_ptr(), b.as_ptr(), steps, block.0.as_mut_ptr()) };
    }

    /// As [`Tiles::multiply`] for bytes with signs: a row of a tile of `a` has 64, and one of `b` has four neighbouring
    /// inputs of 16 columns.
    pub(crate) fn multiply_bytes(&self, a: &[Line], b: &[Line], sums: &mut Sums) {
        let steps = a.len().min(b.len()) / STEP;
        if steps == 0 {
            *sums = Sums::ZERO;
            return;
        }
        // SAFETY: as in `multiply`; the level stands for products of bytes too, and sums have the size of a block.
        unsafe { multiply_all!("tdpbssd", a.as_ptr(), b.as_ptr(), steps, sums.0.as_mut_ptr()) };
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: `self` was made by `configure`, so the processor has the instruction.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}
