//! Blocks of products with other work between them.
//!
//! The unit for tiles and those for vectors are different parts of a core. While a block is multiplied, the sums of the
//! block before are given their bias, go through their function and are brought to their place: four rows after each
//! of the first eight steps, or eight after each of the first four, where the factors are bytes. The processor does not find this by itself, as a block's steps are more instructions
//! than it looks ahead. For 384 inputs and GELU it made the whole a third faster; bits are those of `finish_avx512`.

#![expect(unsafe_code, reason = "as in `amx`, with sums that are read and places that are written beside")]

use std::arch::asm;

use super::amx::{STEP, Tiles, load_step, multiply_step, start_sums, store_sums};
use super::finish::{Output, Place};
use super::tiles::{BLOCK, Block, Line};
use crate::activation::Function;
use crate::avx512::{GELU_END, GELU_SERIES};
use crate::int8::{Scales, Sums};

/// Steps with other work between them, four rows each.
const BUSY: usize = BLOCK / 4;

/// The same for bytes, of which a step multiplies twice as many: eight rows each.
const BUSY_WITH_BYTES: usize = BLOCK / 8;

/// What `gelu_rows` keeps in registers.
static GELU: [f32; 11] = {
    let [a, b, c, d, e, f, g, h] = GELU_SERIES;
    [a, b, c, d, e, f, g, h, -GELU_END, GELU_END, 0.5]
};

/// Sums that wait for their bias and their place.
pub(crate) struct Waiting<'a, B, S> {
    sums: &'a B,
    /// Of the sums, where there are any.
    scales: S,
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

impl<'a, B, S> Waiting<'a, B, S> {
    /// Sums for a whole block of an output that can be filled beside products, or `None`.
    pub(crate) fn new(
        (sums, scales): (&'a B, S),
        place: &Place<'a>,
        output: &'a mut Output<'_>,
    ) -> Option<Self> {
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
        Some(Self { sums, scales, bias: place.bias, target })
    }
}

fn block_of<'a>(place: &Place<'_>, tiles: &'a mut super::TileRows) -> Option<&'a mut [Line; BLOCK]> {
    tiles.block_mut(place.row / BLOCK, place.panel).first_chunk_mut()
}

/// Sums of a row with their bias.
macro_rules! plain_sums {
    () => {
        "vaddps zmm0, zmm30, [{sums}]\n vaddps zmm1, zmm31, [{sums} + 64]\n"
    };
}

/// Sums of a row of bytes with their scales and their bias: operation for operation what `int8` does otherwise.
macro_rules! scaled_sums {
    () => {
        concat!(
            "vcvtdq2ps zmm0, [{sums}]\n",
            "vcvtdq2ps zmm1, [{sums} + 64]\n",
            "vmulps zmm2, zmm28, dword ptr [{scales}]{{1to16}}\n",
            "vmulps zmm3, zmm29, dword ptr [{scales}]{{1to16}}\n",
            "vmulps zmm0, zmm0, zmm2\n",
            "vmulps zmm1, zmm1, zmm3\n",
            "vaddps zmm0, zmm30, zmm0\n",
            "vaddps zmm1, zmm31, zmm1\n",
            "add {scales}, 4\n",
        )
    };
}

macro_rules! round_row {
    ($row_sums:ident) => {
        concat!(
            $row_sums!(),
            "vcvtne2ps2bf16 zmm0, zmm1, zmm0\n",
            "vmovdqu64 [{target}], zmm0\n",
            "add {sums}, 128\n",
            "add {target}, {gap}\n",
        )
    };
}

macro_rules! add_row {
    ($row_sums:ident) => {
        concat!(
            $row_sums!(),
            "vaddps zmm0, zmm0, [{target}]\n",
            "vaddps zmm1, zmm1, [{target} + 64]\n",
            "vmovups [{target}], zmm0\n",
            "vmovups [{target} + 64], zmm1\n",
            "add {sums}, 128\n",
            "add {target}, {gap}\n",
        )
    };
}

/// Operation for operation what `avx512::gelu` is, NaN included.
macro_rules! gelu_row {
    ($row_sums:ident) => {
        concat!(
            $row_sums!(),
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
            "vmovdqu64 [{target}], zmm0\n",
            "add {sums}, 128\n",
            "add {target}, {gap}\n",
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

/// Scales of a block's columns.
macro_rules! load_scales {
    () => {
        "vmovups zmm28, [{columns}]\n vmovups zmm29, [{columns} + 64]\n"
    };
}

/// A block's product of bfloat16 values with `$row`, a row of the other work, four times in each of the first steps.
macro_rules! multiply_beside {
    ($row:ident, $product:expr, $waiting:expr, $place:expr, $gap:expr) => {
        multiply_beside!(
            "tdpbf16ps",
            [load_constants!()],
            [$row!(plain_sums), $row!(plain_sums)],
            BUSY,
            $product,
            $waiting,
            $place,
            $gap,
            []
        )
    };
    (bytes $row:ident, $product:expr, $waiting:expr, $place:expr, $gap:expr) => {
        multiply_beside!(
            "tdpbssd",
            [load_constants!(), load_scales!()],
            [$row!(scaled_sums), $row!(scaled_sums), $row!(scaled_sums), $row!(scaled_sums)],
            BUSY_WITH_BYTES,
            $product,
            $waiting,
            $place,
            $gap,
            [
                columns = in(reg) $waiting.scales.columns.as_ptr(),
                scales = inout(reg) $waiting.scales.rows.as_ptr() => _,
                out("zmm28") _, out("zmm29") _,
            ]
        )
    };
    (
        $operation:literal, [$($start:expr),*], [$($rows:expr),*], $busy:expr, $product:expr, $waiting:expr,
        $place:expr, $gap:expr, [$($operands:tt)*]
    ) => {
        asm!(
            start_sums!(),
            $($start,)*
            "2:",
            load_step!(),
            $($rows,)*
            multiply_step!($operation),
            $($rows,)*
            "dec {busy}",
            "jnz 2b",
            "test {rest}, {rest}",
            "jz 4f",
            "3:",
            load_step!(),
            multiply_step!($operation),
            "dec {rest}",
            "jnz 3b",
            "4:",
            store_sums!(),
            // What comes next would otherwise wait for the registers written here, whenever it moves 16 bytes with
            // instructions older than AVX.
            "vzeroupper",
            a = inout(reg) $product.a => _,
            b = inout(reg) $product.b => _,
            busy = inout(reg) $busy => _,
            rest = inout(reg) $product.rest => _,
            place = in(reg) $product.place,
            stride = in(reg) size_of::<Line>(),
            sums = inout(reg) $waiting.sums.0.as_ptr() => _,
            bias = in(reg) $waiting.bias.as_ptr(),
            constants = in(reg) GELU.as_ptr(),
            target = inout(reg) $place => _,
            gap = in(reg) $gap,
            $($operands)*
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _, out("zmm5") _,
            out("zmm6") _, out("zmm7") _, out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
            out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _, out("zmm16") _, out("zmm17") _,
            out("zmm18") _, out("zmm19") _, out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
            out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm30") _, out("zmm31") _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

/// What the assembly is given of a product.
struct Product<S> {
    a: *const Line,
    b: *const Line,
    /// Steps without other work.
    rest: usize,
    place: *mut [S; BLOCK],
}

/// Whether products of `a` and `b` have steps enough for other work between them.
pub(super) fn has_room(a: &[Line], b: &[Line]) -> bool {
    a.len().min(b.len()) / STEP >= BUSY
}

/// As [`has_room`] for bytes.
pub(crate) fn bytes_have_room(a: &[Line], b: &[Line]) -> bool {
    a.len().min(b.len()) / STEP >= BUSY_WITH_BYTES
}

/// `block = a · b`, see [`Tiles::multiply`], and beside it brings what waits to its place. Where there is no room for
/// that, see [`has_room`], nothing is done.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn multiply(
    tiles: &Tiles,
    (a, b): (&[Line], &[Line]),
    block: &mut Block,
    waiting: Waiting<'_, Block, ()>,
) {
    let Some(rest) = (a.len().min(b.len()) / STEP).checked_sub(BUSY) else { return };
    let _ = tiles;
    let product = Product { a: a.as_ptr(), b: b.as_ptr(), rest, place: block.0.as_mut_ptr() };
    match waiting.target {
        // SAFETY: tiles are configured as long as `tiles` lives, on this thread. Each step reads 2 KiB from `a` and from
        // `b`, and there are `BUSY + rest` in both. Four tiles write the 32 rows of 128 bytes of the block. 32 times,
        // the other work reads 128 bytes of the sums and writes a line of 64 bytes, and there are 32 of both; the
        // bias has 128 bytes and the constants 44.
        Target::Round(lines) => unsafe {
            multiply_beside!(round_row, product, waiting, lines.as_mut_ptr(), size_of::<Line>());
        },
        // SAFETY: as above.
        Target::Gelu(lines) => unsafe {
            multiply_beside!(gelu_row, product, waiting, lines.as_mut_ptr(), size_of::<Line>());
        },
        // SAFETY: as above, but the other work reads and writes 128 bytes of each of 32 rows, and the slice ends behind
        // those of the last, which only `Waiting::new` makes.
        Target::Add(Rows { values, stride }) => unsafe {
            multiply_beside!(add_row, product, waiting, values.as_mut_ptr(), stride * size_of::<f32>());
        },
    }
}

/// As [`multiply`] for bytes, see [`Tiles::multiply_bytes`] and [`bytes_have_room`].
#[target_feature(enable = "avx512f,avx512bf16")]
pub(crate) fn multiply_bytes(
    tiles: &Tiles,
    (a, b): (&[Line], &[Line]),
    sums: &mut Sums,
    waiting: Waiting<'_, Sums, Scales<'_>>,
) {
    let Some(rest) = (a.len().min(b.len()) / STEP).checked_sub(BUSY_WITH_BYTES) else { return };
    let _ = tiles;
    let product = Product { a: a.as_ptr(), b: b.as_ptr(), rest, place: sums.0.as_mut_ptr() };
    match waiting.target {
        // SAFETY: as in `multiply`, with `BUSY_WITH_BYTES + rest` steps; scales of columns have 128 bytes, and each of 32
        // rows reads 4 bytes of the 128 of the rows' scales.
        Target::Round(lines) => unsafe {
            multiply_beside!(bytes round_row, product, waiting, lines.as_mut_ptr(), size_of::<Line>());
        },
        // SAFETY: as above.
        Target::Gelu(lines) => unsafe {
            multiply_beside!(bytes gelu_row, product, waiting, lines.as_mut_ptr(), size_of::<Line>());
        },
        // SAFETY: as above, and as in `multiply`.
        Target::Add(Rows { values, stride }) => unsafe {
            multiply_beside!(bytes add_row, product, waiting, values.as_mut_ptr(), stride * size_of::<f32>());
        },
    }
}
