//! Blocks of products on AMX tiles.

#![expect(
    unsafe_code,
    reason = "AMX has no intrinsics on stable Rust; the assembly reads and writes checked slices"
)]

use std::arch::asm;
use std::marker::PhantomData;

use super::tiles::{BLOCK, Block, HEIGHT, Line};
use crate::gemm::Keep;
use crate::{Isa, Level};

/// What sums begin with.
static ZEROS: [Line; 2] = [Line::ZERO; 2];

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
pub(super) struct Tiles {
    /// Tiles belong to a thread.
    thread: PhantomData<*mut ()>,
}

impl Tiles {
    /// Configures the tiles of this thread, where `isa` has any.
    pub(super) fn configure(isa: Isa) -> Option<Self> {
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

    /// `block = a · b`, or `block += a · b`, for a block of 32 × 32: `a` are two rows of tiles of 16 rows each, `b`
    /// has two tiles of 16 columns for each tile of `a`, one behind the other. What one has more than the others is
    /// left out.
    pub(super) fn multiply(&self, a: [&[Line]; 2], b: &[Line], keep: Keep, block: &mut Block) {
        let steps = (a[0].len() / HEIGHT).min(a[1].len() / HEIGHT).min(b.len() / (2 * HEIGHT));
        if steps == 0 {
            return;
        }
        let upper = block.0.as_mut_ptr();
        let lower = upper.wrapping_add(HEIGHT);
        let nothing = ZEROS.as_ptr().cast::<[f32; BLOCK]>();
        let (old, old_lower, old_stride) = match keep {
            Keep::Nothing => (nothing, nothing, 0_usize),
            Keep::Sum => (upper.cast_const(), lower.cast_const(), size_of::<[f32; BLOCK]>()),
        };
        // SAFETY: tiles are configured as long as `self` lives, on this thread. Each step reads 1 KiB, a tile, from
        // both parts of `a` and 2 KiB from `b`, and `steps` is above 0 and no more than any of them has. The block
        // is 32 rows of 128 bytes, of which each of the four tiles writes 16 rows of 64 bytes, and reads them or, 16
        // times over, one of the two lines of `ZEROS`.
        unsafe {
            asm!(
                "tileloadd tmm0, [{old} + {old_stride}]",
                "tileloadd tmm1, [{old} + {old_stride} + 64]",
                "tileloadd tmm2, [{old_lower} + {old_stride}]",
                "tileloadd tmm3, [{old_lower} + {old_stride} + 64]",
                "2:",
                "tileloadd tmm4, [{a0} + {stride}]",
                "tileloadd tmm6, [{b} + {stride}]",
                "tileloadd tmm7, [{b} + {stride} + 1024]",
                "tileloadd tmm5, [{a1} + {stride}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {a0}, 1024",
                "add {a1}, 1024",
                "add {b}, 2048",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{upper} + {stride} * 2], tmm0",
                "tilestored [{upper} + {stride} * 2 + 64], tmm1",
                "tilestored [{lower} + {stride} * 2], tmm2",
                "tilestored [{lower} + {stride} * 2 + 64], tmm3",
                a0 = inout(reg) a[0].as_ptr() => _,
                a1 = inout(reg) a[1].as_ptr() => _,
                b = inout(reg) b.as_ptr() => _,
                steps = inout(reg) steps => _,
                upper = in(reg) upper,
                lower = in(reg) lower,
                old = in(reg) old,
                old_lower = in(reg) old_lower,
                old_stride = in(reg) old_stride,
                stride = in(reg) size_of::<Line>(),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: `self` was made by `configure`, so the processor has the instruction.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}
