//! What becomes of a block of sums.

use super::TileRows;
use super::tiles::BLOCK;
use crate::activation::Function;

/// Where a linear map's results go, and what is done to them on the way. Results past the last row of the place are
/// dropped.
#[derive(Debug)]
pub enum Output<'a> {
    /// Binary32 rows, one after the other.
    Rows(&'a mut [f32]),
    /// Added to binary32 rows, one after the other.
    Sum(&'a mut [f32]),
    /// A function's values, rounded to bfloat16. Functions are within 2e-4 of the truth for values of magnitude 1 and
    /// below, and relative to it above; rounding to bfloat16 is up to 20 times coarser.
    Tiles(Function, &'a mut TileRows),
}

/// Where a block lies in the output.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Its first row.
    pub(crate) row: usize,
    /// Its panel of the weights: 32 columns, or 16 gated ones.
    pub(crate) panel: usize,
    /// Columns of a whole row.
    pub(crate) columns: usize,
    /// What is added to every row of the block.
    pub(crate) bias: &'a [f32; BLOCK],
}

impl Place<'_> {
    /// The parts of binary32 rows that belong to the block: as many as there are, 32 at most.
    pub(crate) fn rows<'a>(&self, rows: &'a mut [f32]) -> impl Iterator<Item = &'a mut [f32]> {
        let (columns, first) = (self.columns, self.panel * BLOCK);
        let last = columns.min(first + BLOCK);
        let start = (self.row * columns).min(rows.len());
        let rows = rows[start..].chunks_exact_mut(columns.max(1)).take(BLOCK);
        rows.filter_map(move |row| row.get_mut(first..last))
    }
}
