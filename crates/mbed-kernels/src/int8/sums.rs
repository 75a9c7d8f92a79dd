//! Blocks of whole sums, by plain loops: the truth.

use crate::bf16::tiles::{BLOCK, Block, HEIGHT, Line};

/// A block of sums of products of bytes.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Sums(pub(crate) [[i32; BLOCK]; BLOCK]);

impl Sums {
    pub(crate) const ZERO: Self = Self([[0; BLOCK]; BLOCK]);
}

/// What the sums of a block are multiplied by.
#[derive(Clone, Copy)]
pub(crate) struct Scales<'a> {
    pub(crate) rows: &'a [f32; BLOCK],
    pub(crate) columns: &'a [f32; BLOCK],
}

/// `sums = a · b`; the layout is that of `amx::Tiles::multiply_bytes`.
pub(super) fn multiply(a: &[Line], b: &[Line], sums: &mut Sums) {
    *sums = Sums::ZERO;
    for (a, b) in a.chunks_exact(BLOCK).zip(b.chunks_exact(2 * HEIGHT)) {
        for (a, row) in a.iter().zip(&mut sums.0) {
            for (column, sum) in row.iter_mut().enumerate() {
                *sum += products(a, b, column);
            }
        }
    }
}

/// The products of a row and a column of two tiles side by side.
fn products(row: &Line, tiles: &[Line], column: usize) -> i32 {
    let (tile, place) = (column / HEIGHT, 2 * (column % HEIGHT));
    let columns = &tiles[tile * HEIGHT..(tile + 1) * HEIGHT];
    let pairs = row.0.as_chunks::<2>().0.iter().zip(columns);
    let words = pairs.flat_map(|(left, line)| left.iter().zip(&line.0[place..]));
    let bytes = words.flat_map(|(left, right)| left.to_le_bytes().into_iter().zip(right.to_le_bytes()));
    bytes.map(|(left, right)| i32::from(left.cast_signed()) * i32::from(right.cast_signed())).sum()
}

/// Multiplies sums by their scales.
pub(super) fn scale(sums: &Sums, scales: Scales<'_>, block: &mut Block) {
    for ((sums, values), row) in sums.0.iter().zip(&mut block.0).zip(scales.rows) {
        for ((&sum, value), column) in sums.iter().zip(values).zip(scales.columns) {
            *value = sum as f32 * (column * row);
        }
    }
}
