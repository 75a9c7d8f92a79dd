//! Rows of bfloat16 values in the order in which tiles are loaded.

use std::ops::Range;

/// Values of a tile's row.
pub(super) const WIDTH: usize = 32;

/// Rows of a tile.
pub(super) const HEIGHT: usize = 16;

/// Rows and columns of a block of results.
pub(super) const BLOCK: usize = 32;

/// One row of a tile, a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(super) [u16; WIDTH]);

impl Line {
    pub(super) const ZERO: Self = Self([0; WIDTH]);
}

/// A block of results.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Block(pub(super) [[f32; BLOCK]; BLOCK]);

impl Block {
    pub(super) const ZERO: Self = Self([[0.0; BLOCK]; BLOCK]);
}

/// Rows of bfloat16 values, padded to whole blocks: tile by tile along a row, and tile row after tile row.
#[derive(Clone, Debug, Default)]
pub struct TileRows {
    lines: Vec<Line>,
    columns: usize,
}

impl TileRows {
    /// No rows.
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: Vec::new(), columns: 0 }
    }

    /// Takes the shape `rows × columns` and keeps its memory. What it held is lost, and values stay as they were
    /// until they are written; columns past the last are zero.
    ///
    /// # Errors
    /// There is no memory for it; the number of bytes that were asked for.
    pub fn reset(&mut self, rows: usize, columns: usize) -> Result<(), usize> {
        let chunks = columns.div_ceil(WIDTH);
        let length = rows.next_multiple_of(BLOCK) * chunks;
        if columns != self.columns {
            // Where lines end elsewhere, old values would stand where zeros must.
            self.lines.clear();
            self.columns = columns;
        }
        let missing = length.saturating_sub(self.lines.len());
        self.lines.try_reserve_exact(missing).map_err(|_refused| missing * size_of::<Line>())?;
        self.lines.resize(length, Line::ZERO);
        Ok(())
    }

    /// How many rows there is room for.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.lines.len() / self.chunks().max(1)
    }

    /// How many columns a row has.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// How many bytes it holds.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
    }

    /// Rounds binary32 `rows`, one after the other, into the rows from `first` on. A rest shorter than a row is left
    /// out, as are rows past the last.
    pub fn write(&mut self, isa: crate::Isa, first: usize, rows: &[f32]) {
        let columns = self.columns.max(1);
        for (row, values) in (first..self.rows()).zip(rows.chunks_exact(columns)) {
            super::machine::round_row(isa, values, self.line_places(row));
        }
    }

    /// The value at a place as binary32, zero outside.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> f32 {
        let line = self.lines.get(place(row, column / WIDTH, self.chunks()));
        line.map_or(0.0, |line| from_bf16(line.0[column % WIDTH]))
    }

    /// All rows for reading.
    #[must_use]
    pub fn view(&self) -> TileView<'_> {
        TileView { lines: &self.lines, columns: self.columns }
    }

    /// The blocks that hold `rows`; `rows.start` is a multiple of 32. Rows that are not there are left out.
    #[must_use]
    pub fn part(&self, rows: &Range<usize>) -> TileView<'_> {
        let chunks = self.chunks();
        let end = (rows.end.next_multiple_of(BLOCK) * chunks).min(self.lines.len());
        let start = rows.start / BLOCK * BLOCK * chunks;
        TileView { lines: self.lines.get(start..end).unwrap_or_default(), columns: self.columns }
    }

    pub(super) const fn chunks(&self) -> usize {
        self.columns.div_ceil(WIDTH)
    }

    /// The lines of a row, from the first column on.
    pub(super) fn line_places(&mut self, row: usize) -> impl Iterator<Item = &mut Line> {
        let start = place(row, 0, self.chunks());
        let end = (start + self.chunks() * HEIGHT).min(self.lines.len());
        self.lines.get_mut(start..end).unwrap_or_default().iter_mut().step_by(HEIGHT)
    }

    /// The values of a row from `column` on, as many as there are places; zeros past the last column.
    pub(super) fn read(&self, row: usize, column: usize, places: &mut [u16]) {
        let chunks = self.chunks();
        let line = |column: usize| self.lines.get(place(row, column / WIDTH, chunks)).unwrap_or(&Line::ZERO);
        if let (0, Some((whole, []))) = (column % WIDTH, places.split_first_chunk_mut()) {
            *whole = line(column).0;
            return;
        }
        for (column, place) in (column..).zip(places) {
            *place = if column < self.columns { line(column).0[column % WIDTH] } else { 0 };
        }
    }

    /// Replaces the values of a row from `column` on.
    pub(super) fn replace(&mut self, row: usize, column: usize, values: &[u16]) {
        let chunks = self.chunks();
        if let (0, Some((whole, []))) = (column % WIDTH, values.split_first_chunk())
            && let Some(line) = self.lines.get_mut(place(row, column / WIDTH, chunks))
        {
            line.0 = *whole;
            return;
        }
        for (column, &value) in (column..self.columns).zip(values) {
            if let Some(line) = self.lines.get_mut(place(row, column / WIDTH, chunks)) {
                line.0[column % WIDTH] = value;
            }
        }
    }

    /// The 16 lines of the rows from `16 · row` on that have the columns from `32 · chunk` on, none where there are
    /// no such rows.
    pub(super) fn tile_mut(&mut self, row: usize, chunk: usize) -> &mut [Line] {
        let start = (row * self.chunks() + chunk) * HEIGHT;
        self.lines.get_mut(start..start + HEIGHT).unwrap_or_default()
    }
}

/// Rows of bfloat16 values for reading.
#[derive(Clone, Copy, Debug)]
pub struct TileView<'a> {
    lines: &'a [Line],
    columns: usize,
}

impl<'a> TileView<'a> {
    /// How many columns a row has.
    #[must_use]
    pub const fn columns(self) -> usize {
        self.columns
    }

    /// How many whole blocks there are.
    pub(super) fn blocks(self) -> usize {
        self.lines.len() / (BLOCK * self.columns.div_ceil(WIDTH)).max(1)
    }

    /// The tiles of the two tile rows of a block, in chunks of columns `chunks`.
    pub(super) fn tiles(self, block: usize, chunks: &Range<usize>) -> [&'a [Line]; 2] {
        let width = self.columns.div_ceil(WIDTH) * HEIGHT;
        [2 * block, 2 * block + 1].map(|row| {
            let start = row * width;
            let range = start + chunks.start * HEIGHT..start + chunks.end * HEIGHT;
            self.lines.get(range).unwrap_or_default()
        })
    }
}

const fn place(row: usize, chunk: usize, chunks: usize) -> usize {
    (row / HEIGHT * chunks + chunk) * HEIGHT + row % HEIGHT
}

/// Rounds to the nearest, ties to even; NaN stays.
pub(super) const fn to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    let rounding = 0x7FFF + ((bits >> 16) & 1);
    (bits.wrapping_add(rounding) >> 16) as u16
}

pub(super) const fn from_bf16(value: u16) -> f32 {
    f32::from_bits((value as u32) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn values_come_back_rounded_from_every_place() {
        for (rows, columns) in [(1, 1), (3, 31), (33, 32), (40, 65), (64, 96)] {
            let value = |row: usize, column: usize| (row * 131 + column * 7) as f32 / 3.0 - 90.0;
            let values: Vec<f32> = (0..rows * columns).map(|i| value(i / columns, i % columns)).collect();
            for isa in [Isa::PORTABLE, Isa::detect()] {
                let mut tiles = TileRows::new();
                tiles.reset(rows, columns).unwrap();
                tiles.write(isa, 0, &values);
                assert_eq!((tiles.columns(), tiles.rows()), (columns, rows.next_multiple_of(BLOCK)));
                for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                    let (got, expected) = (tiles.get(row, column), value(row, column));
                    assert!((got - expected).abs() <= expected.abs() / 256.0, "row {row}, column {column}");
                }
                for column in columns..columns.next_multiple_of(WIDTH) {
                    assert_eq!(tiles.get(rows - 1, column), 0.0, "padding");
                }
            }
        }
    }

    #[test]
    fn another_width_leaves_no_old_values_in_the_padding() {
        let mut tiles = TileRows::new();
        tiles.reset(4, 64).unwrap();
        tiles.write(Isa::PORTABLE, 0, &[1.0; 4 * 64]);
        tiles.reset(2, 33).unwrap();
        assert!((33..64).all(|column| tiles.get(0, column) == 0.0));
    }

    #[test]
    fn rounding_is_to_nearest_even_and_keeps_what_is_no_number() {
        let check =
            |value: f32, expected: f32| assert_eq!(from_bf16(to_bf16(value)).to_bits(), expected.to_bits());
        check(1.0, 1.0);
        check(1.0 + 1.0 / 256.0, 1.0);
        check(1.0 + 3.0 / 256.0, 1.0 + 4.0 / 256.0);
        check(-1.0 - 1.01 / 256.0, -1.0 - 2.0 / 256.0);
        check(f32::MAX, f32::INFINITY);
        check(f32::NEG_INFINITY, f32::NEG_INFINITY);
        assert!(from_bf16(to_bf16(f32::NAN)).is_nan());
        assert!(from_bf16(to_bf16(f32::from_bits(0x7F80_0001))).is_nan());
    }
}
