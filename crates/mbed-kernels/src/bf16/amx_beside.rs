//! Blocks of products with other work between them.
//!
//! The unit for tiles and those for vectors are different parts of a core. While a block is multiplied, the sums of the
//! block before are given their bias, go through their function and are brought to their place: four rows after each
//! of the first eight steps. The processor does not find this by itself, as a block's steps are more instructions
//! than it looks ahead. For 384 inputs and GELU it made the whole a third faster; bits are those of `finish_avx512`.

#![expect(unsafe_code, reason = "as in `amx`, with sums that are read and places that are written beside")]

use std::arch::asm;

use super::amx::{STEP, Tiles, load_step, multiply_step, start_sums, store_sums};
use super::finish::{Output, Place};
use super::tiles::{BLOCK, Block, HEIGHT, Line};
use crate::activation::Function;
use crate::avx512::{GELU_END, GELU_SERIES};

/// Steps with other work between them, four rows each.
const BUSY: usize = BLOCK / 4;

/// What `gelu_rows` keeps in registers.
static GELU: [f32; 11] = {
    let [a, b, c, d, e, f, g, h] = GELU_SERIES;
    [a, b, c, d, e, f, g, h, -GELU_END, GELU_END, 0.5]
};

/// Sums that wait for their bias and their place.
pub(super) struct Waiting<'a> {
    sums: &'a Block,
    bias: &'a [f32; BLOCK],
    target: Target<'a>,
}

enum Target<'a> {
    /// Rounded.
    Round(&'a mut [Line; BLOCK]),
    /// `gelu`, then rounded.
    Gelu(&'a mut [Line; BLOCK]),
    /// Added to 32 values of each of 32 rows.
    Add(Rows<'a>),
}

/// The first 32 values of 32 rows.
struct Rows<'a> {
    /// `31 · stride + 32` values, at least.
    values: &'a mut [f32],
    stride: usize,
}

impl<'a> Waiting<'a> {
    /// Sums for a whole block of an output that can be filled beside products, or `None`.
    pub(super) fn new(sums: &'a Block, place: &Place<'a>, output: &'a mut Output<'_>) -> Option<Self> {
        let target = match output {
            Output::Tiles(Function::Identity, tiles) => Target::Round(block_of(place, tiles)?),
            Output::Tiles(Function::Gelu, tiles) => Target::Gelu(block_of(place, tiles)?),
            Output::Sum(rows) => {
                let (stride, column) = (place.columns, place.panel * BLOCK);
                let start = place.row * stride + column;
                let end = start + (BLOCK - 1) * stride + BLOCK;
                let values = rows.get_mut(start..end).filter(|_| column + BLOCK <= stride)?;
                Target::Add(Rows { values, stride })
            }
            Output::Tiles(..) | Output::Rows(_) => return None,
        };
        Some(Self { sums, bias: place.bias, target })
    }
}

fn block_of<'a>(place: &Place<'_>, tiles: &'a mut super::TileRows) -> Option<&'a mut [Line; BLOCK]> {
    tiles.block_mut(place.row / BLOCK, place.panel).first_chunk_mut()
}

macro_rules! round_row {
    () => {
        concat!(
            "vaddps zmm0, zmm30, [{sums}]\n",
            "vaddps zmm1, zmm31, [{sums} + 64]\n",
            "vcvtne2ps2bf16 zmm0, zmm1, zmm0\n",
            "vmovdqu64 [{place}], zmm0\n",
            "add {sums}, 128\n",
            "add {place}, {gap}\n",
        )
    };
}

macro_rules! add_row {
    () => {
        concat!(
            "vaddps zmm0, zmm30, [{sums}]\n",
            "vaddps zmm1, zmm31, [{sums} + 64]\n",
            "vaddps zmm0, zmm0, [{place}]\n",
            "vaddps zmm1, zmm1, [{place} + 64]\n",
            "vmovups [{place}], zmm0\n",
            "vmovups [{place} + 64], zmm1\n",
            "add {sums}, 128\n",
            "add {place}, {gap}\n",
        )
    };
}

/// Operation for operation what `avx512::gelu` is, NaN included.
macro_rules! gelu_row {
    () => {
        concat!(
            "vaddps zmm0, zmm30, [{sums}]\n",
            "vaddps zmm1, zmm31, [{sums} + 64]\n",
            "vmaxps zmm0, zmm24, zmm0\n",
            "vmaxps zmm1, zmm24, zmm1\n",
            "vminps zmm2, zmm25, zmm0\n",
            "vminps zmm3, zmm25, zmm1\n",
            "vmulps zmm4, zmm2, zmm2\n",
            "vmulps zmm5, zmm3, zmm3\n",
            "vmovaps zmm6, zmm16\n",
            "vmovaps zmm7, zmm16\n",
            gelu_term!("zmm17"),
            gelu_term!("zmm18"),
            gelu_term!("zmm19"),
            gelu_term!("zmm20"),
            gelu_term!("zmm21"),
            gelu_term!("zmm22"),
            gelu_term!("zmm23"),
            "vfmadd213ps zmm6, zmm2, zmm26\n",
            "vfmadd213ps zmm7, zmm3, zmm26\n",
            "vmulps zmm0, zmm0, zmm6\n",
            "vmulps zmm1, zmm1, zmm7\n",
            "vcvtne2ps2bf16 zmm0, zmm1, zmm0\n",
            "vmovdqu64 [{place}], zmm0\n",
            "add {sums}, 128\n",
            "add {place}, {gap}\n",
        )
    };
}

macro_rules! gelu_term {
    ($coefficient:literal) => {
        concat!("vfmadd213ps zmm6, zmm4, ", $coefficient, "\n vfmadd213ps zmm7, zmm5, ", $coefficient, "\n")
    };
}

macro_rules! load_constants {
    () => {
        concat!(
            "vmovups zmm30, [{bias}]\n",
            "vmovups zmm31, [{bias} + 64]\n",
            "vbroadcastss zmm16, [{constants}]\n",
            "vbroadcastss zmm17, [{constants} + 4]\n",
            "vbroadcastss zmm18, [{constants} + 8]\n",
            "vbroadcastss zmm19, [{constants} + 12]\n",
            "vbroadcastss zmm20, [{constants} + 16]\n",
            "vbroadcastss zmm21, [{constants} + 20]\n",
            "vbroadcastss zmm22, [{constants} + 24]\n",
            "vbroadcastss zmm23, [{constants} + 28]\n",
            "vbroadcastss zmm24, [{constants} + 32]\n",
            "vbroadcastss zmm25, [{constants} + 36]\n",
            "vbroadcastss zmm26, [{constants} + 40]\n",
        )
    };
}

/// A block's product with `$row`, a row of the other work, four times after each of the first steps.
macro_rules! multiply_beside {
    ($row:ident, $a:expr, $b:expr, $rest:expr, $sums:expr, $waiting:expr, $place:expr, $gap:expr) => {
        asm!(
            start_sums!(),
            load_constants!(),
            "2:",
            load_step!(),
            $row!(),
            $row!(),
            multiply_step!(),
            $row!(),
            $row!(),
            "dec {busy}",
            "jnz 2b",
            "test {rest}, {rest}",
            "jz 4f",
            "3:",
            load_step!(),
            multiply_step!(),
            "dec {rest}",
            "jnz 3b",
            "4:",
            store_sums!(),
            // What comes next would otherwise wait for the registers written here, whenever it moves 16 bytes with
            // instructions older than AVX.
            "vzeroupper",
            a = inout(reg) $a => _,
            b = inout(reg) $b => _,
            busy = inout(reg) BUSY => _,
            rest = inout(reg) $rest => _,
            upper = in(reg) $sums,
            lower = in(reg) $sums.wrapping_add(HEIGHT),
            stride = in(reg) size_of::<Line>(),
            sums = inout(reg) $waiting.sums.0.as_ptr() => _,
            bias = in(reg) $waiting.bias.as_ptr(),
            constants = in(reg) GELU.as_ptr(),
            place = inout(reg) $place => _,
            gap = in(reg) $gap,
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _, out("zmm5") _,
            out("zmm6") _, out("zmm7") _, out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
            out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _, out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _,
            out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _, out("zmm24") _, out("zmm25") _,
            out("zmm26") _, out("zmm30") _, out("zmm31") _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

/// Whether products of `a` and `b` have steps enough for other work between them.
pub(super) fn has_room(a: &[Line], b: &[Line]) -> bool {
    a.len().min(b.len()) / STEP >= BUSY
}

/// `block = a · b`, see [`Tiles::multiply`], and beside it brings what waits to its place. Where there is no room for
/// that, see [`has_room`], nothing is done.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn multiply(tiles: &Tiles, a: &[Line], b: &[Line], block: &mut Block, waiting: Waiting<'_>) {
    let Some(rest) = (a.len().min(b.len()) / STEP).checked_sub(BUSY) else { return };
    let _ = tiles;
    let (a, b, sums) = (a.as_ptr(), b.as_ptr(), block.0.as_mut_ptr());
    match waiting.target {
        // SAFETY: tiles are configured as long as `tiles` lives, on this thread. Each step reads 2 KiB from `a` and from
        // `b`, and there are `BUSY + rest` in both. Four tiles write the 32 rows of 128 bytes of the block. 32 times,
        // the other work reads 128 bytes of the sums and writes a line of 64 bytes, and there are 32 of both; the
        // bias has 128 bytes and the constants 44.
        Target::Round(lines) => unsafe {
            multiply_beside!(round_row, a, b, rest, sums, waiting, lines.as_mut_ptr(), size_of::<Line>());
        },
        // SAFETY: as above.
        Target::Gelu(lines) => unsafe {
            multiply_beside!(gelu_row, a, b, rest, sums, waiting, lines.as_mut_ptr(), size_of::<Line>());
        },
        // SAFETY: as above, but the other work reads and writes 128 bytes of each of 32 rows, and the slice ends behind
        // those of the last, which only `Waiting::new` makes.
        Target::Add(Rows { values, stride }) => unsafe {
            multiply_beside!(
                add_row,
                a,
                b,
                rest,
                sums,
                waiting,
                values.as_mut_ptr(),
                stride * size_of::<f32>()
            );
        },
    }
}
