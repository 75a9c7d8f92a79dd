//! Rows of bfloat16 values in the order in which tiles are loaded.

use std::ops::Range;

use crate::norm::Norm;

/// Values of a tile's row.
pub(crate) const WIDTH: usize = 32;

/// Rows of a tile.
pub(crate) const HEIGHT: usize = 16;

/// Rows and columns of a block of results.
pub(crate) const BLOCK: usize = 32;

/// One row of a tile, a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u16; WIDTH]);

impl Line {
    pub(crate) const ZERO: Self = Self([0; WIDTH]);
}

/// A block of results.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Block(pub(crate) [[f32; BLOCK]; BLOCK]);

impl Block {
    pub(crate) const ZERO: Self = Self([[0.0; BLOCK]; BLOCK]);
}

/// Rows of bfloat16 values, padded to whole blocks of 32 rows. A block is stored 32 columns after 32 columns, each as
/// two tiles of 16 rows, one behind the other: the 32 lines that a step of a product reads are neighbours.
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

    /// Normalises binary32 `rows`, one after the other, in place, and rounds them into the rows from `first` on. A rest
    /// shorter than a row is left alone, as are rows past the last.
    pub fn write_normed(&mut self, isa: crate::Isa, first: usize, norm: &Norm, rows: &mut [f32]) {
        let columns = self.columns.max(1);
        for (row, values) in (first..self.rows()).zip(rows.chunks_exact_mut(columns)) {
            super::machine::norm_and_round_row(isa, norm, values, self.line_places(row));
        }
    }

    /// The value at a place as binary32, zero outside.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> f32 {
        from_bf16(self.word(row, column))
    }

    /// The value at a place as it is stored, zero outside.
    pub(crate) fn word(&self, row: usize, column: usize) -> u16 {
        let line = self.lines.get(self.place(row, column / WIDTH)).filter(|_| column < self.columns);
        line.map_or(0, |line| line.0[column % WIDTH])
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

    pub(crate) const fn chunks(&self) -> usize {
        self.columns.div_ceil(WIDTH)
    }

    fn place(&self, row: usize, chunk: usize) -> usize {
        place(row, chunk, self.chunks())
    }

    /// The lines of a row, from the first column on.
    pub(crate) fn line_places(&mut self, row: usize) -> impl Iterator<Item = &mut Line> {
        let start = self.place(row, 0);
        let end = (start + self.chunks() * BLOCK).min(self.lines.len());
        self.lines.get_mut(start..end).unwrap_or_default().iter_mut().step_by(BLOCK)
    }

    /// The tiles of 16 rows from row `16 · half` on, from the first columns on; none where there are no such rows.
    pub(crate) fn tiles_of(&self, half: usize) -> impl Iterator<Item = &[Line; HEIGHT]> + Clone {
        let tiles = self.lines.as_chunks().0;
        let start = self.place(half * HEIGHT, 0) / HEIGHT;
        let end = (start + 2 * self.chunks()).min(tiles.len());
        tiles.get(start..end).unwrap_or_default().iter().step_by(2)
    }

    /// As [`TileRows::tiles_of`] for writing.
    pub(crate) fn tiles_of_mut(&mut self, half: usize) -> impl Iterator<Item = &mut [Line; HEIGHT]> {
        let start = self.place(half * HEIGHT, 0) / HEIGHT;
        let length = 2 * self.chunks();
        let tiles = self.lines.as_chunks_mut().0;
        let end = (start + length).min(tiles.len());
        tiles.get_mut(start..end).unwrap_or_default().iter_mut().step_by(2)
    }

    /// Copies `columns`, 32 at most, of `rows`, 32 at most, into a line each; the rest of the lines, and lines without
    /// a row, are zero.
    pub(crate) fn copy(&self, rows: Range<usize>, columns: Range<usize>, places: &mut [Line]) {
        if columns.start.is_multiple_of(WIDTH) && columns.len() == WIDTH {
            // Whole runs of lines: tiles are loaded soon, which waits for lines that were stored piece by piece.
            let mut places = places;
            for lines in self.runs(rows, columns.start / WIDTH).map(|run| &self.lines[run]) {
                let (copies, rest) = places.split_at_mut(lines.len().min(places.len()));
                copies.copy_from_slice(&lines[..copies.len()]);
                places = rest;
            }
            places.fill(Line::ZERO);
            return;
        }
        places.fill(Line::ZERO);
        for (row, place) in rows.zip(places) {
            for (column, value) in columns.clone().zip(&mut place.0) {
                let line = self.lines.get(self.place(row, column / WIDTH));
                *value = line.map_or(0, |line| line.0[column % WIDTH]);
            }
        }
    }

    /// The lines of `rows`, 32 at most, that have the columns from `32 · chunk` on, as neighbours in order.
    pub(crate) fn lines_mut(&mut self, rows: Range<usize>, chunk: usize) -> [&mut [Line]; 2] {
        let [first, second] = self.runs(rows, chunk);
        let (before, behind) = self.lines.split_at_mut(second.start.max(first.end));
        let second = second.start - before.len()..second.end - before.len();
        [&mut before[first], &mut behind[second]]
    }

    /// Where the lines of `rows`, 32 at most, lie: neighbours within a block, and those of the next block. Rows that
    /// are not there are left out.
    fn runs(&self, rows: Range<usize>, chunk: usize) -> [Range<usize>; 2] {
        let end = rows.end.min(self.rows());
        let start = rows.start.min(end);
        let border = (start / BLOCK + 1) * BLOCK;
        let run = |start: usize, end: usize| {
            let first = self.place(start, chunk).min(self.lines.len());
            first..first + end.saturating_sub(start)
        };
        [run(start, end.min(border)), run(border.min(end).max(start), end)]
    }

    /// Replaces the values of a row from `column` on.
    pub(crate) fn replace(&mut self, row: usize, column: usize, values: &[u16]) {
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
    pub(crate) fn tile_mut(&mut self, row: usize, chunk: usize) -> &mut [Line] {
        let start = self.place(row * HEIGHT, chunk);
        self.lines.get_mut(start..start + HEIGHT).unwrap_or_default()
    }

    /// The lines of the first 32 rows, 32 columns after 32 columns.
    pub(crate) fn first_blocks_mut(&mut self) -> &mut [[Line; BLOCK]] {
        let end = (self.chunks() * BLOCK).min(self.lines.len());
        self.lines.get_mut(..end).unwrap_or_default().as_chunks_mut().0
    }

    /// The 32 lines of the rows from `32 · block` on that have the columns from `32 · chunk` on, none where there are
    /// no such rows.
    pub(crate) fn block_mut(&mut self, block: usize, chunk: usize) -> &mut [Line] {
        let start = self.place(block * BLOCK, chunk);
        self.lines.get_mut(start..start + BLOCK).unwrap_or_default()
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
    pub(crate) fn blocks(self) -> usize {
        self.lines.len() / (BLOCK * self.columns.div_ceil(WIDTH)).max(1)
    }

    /// The tiles of a block in chunks of columns `chunks`, two for each.
    pub(crate) fn tiles(self, block: usize, chunks: &Range<usize>) -> &'a [Line] {
        let start = block * self.columns.div_ceil(WIDTH) * BLOCK;
        self.lines.get(start + chunks.start * BLOCK..start + chunks.end * BLOCK).unwrap_or_default()
    }
}

const fn place(row: usize, chunk: usize, chunks: usize) -> usize {
    (row / BLOCK * chunks + chunk) * BLOCK + row % BLOCK
}

/// Rounds to the nearest, ties to even; NaN stays.
pub(crate) const fn to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    let rounding = 0x7FFF + ((bits >> 16) & 1);
    (bits.wrapping_add(rounding) >> 16) as u16
}

pub(crate) const fn from_bf16(value: u16) -> f32 {
    f32::from_bits((value as u32) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::norm::NormKind;

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
    fn normed_rows_are_what_the_formula_says_in_both_formats() {
        for (columns, kind) in
            [31, 32, 96, 384, 1056].map(|n| [(n, NormKind::Layer), (n, NormKind::Rms)]).concat()
        {
            let value = |i: usize| ((i * 7919) % 2003) as f32 / 300.0 - 2.0;
            let scale: Vec<f32> = (0..columns).map(|i| 1.0 + value(i) / 9.0).collect();
            let shift = if columns % 64 == 0 { Vec::new() } else { scale.iter().map(|x| x / 5.0).collect() };
            let norm = Norm::new(kind, scale.clone(), shift.clone(), 1e-5).unwrap();
            let rows: Vec<f32> = (0..3 * columns).map(value).collect();
            for isa in [Isa::PORTABLE, Isa::detect()] {
                let (mut tiles, mut normed) = (TileRows::new(), rows.clone());
                tiles.reset(40, columns).unwrap();
                tiles.write_normed(isa, 30, &norm, &mut normed);
                let expected = rows.chunks(columns).flat_map(|row| truth(kind, row, &scale, &shift));
                for (index, expected) in expected.enumerate() {
                    let got = normed[index];
                    assert!((f64::from(got) - expected).abs() <= 3e-6, "{got} for {expected}");
                    assert_eq!(tiles.get(30 + index / columns, index % columns), from_bf16(to_bf16(got)));
                }
            }
        }
    }

    /// A norm by its formula in binary64.
    fn truth(kind: NormKind, values: &[f32], scale: &[f32], shift: &[f32]) -> Vec<f64> {
        let (values, count): (Vec<f64>, f64) =
            (values.iter().map(|&x| x.into()).collect(), values.len() as f64);
        let mean = if kind == NormKind::Layer { values.iter().sum::<f64>() / count } else { 0.0 };
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        let inverse = 1.0 / (variance + 1e-5).sqrt();
        let shifts = shift.iter().copied().chain(std::iter::repeat(0.0));
        let parts = values.iter().zip(scale).zip(shifts);
        parts.map(|((x, &scale), shift)| (x - mean) * inverse * f64::from(scale) + f64::from(shift)).collect()
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
