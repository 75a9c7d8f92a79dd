//! Rows of bytes in the order in which tiles are loaded.

use std::ops::Range;

use super::machine::{norm_and_quantize_row, quantize_row, quantize_words};
use crate::Isa;
use crate::bf16::tiles::{BLOCK, HEIGHT};
use crate::bf16::{TileRows, TileView};
use crate::norm::Norm;

/// Rows of bytes with a scale each, padded to whole blocks of 32 rows, in the order of [`TileRows`].
#[derive(Clone, Debug, Default)]
pub struct ByteRows {
    /// Two bytes to a value.
    tiles: TileRows,
    scales: Vec<[f32; BLOCK]>,
    columns: usize,
}

/// Rows of bytes for reading.
#[derive(Clone, Copy, Debug)]
pub struct ByteView<'a> {
    pub(super) tiles: TileView<'a>,
    pub(super) scales: &'a [[f32; BLOCK]],
    columns: usize,
}

impl ByteRows {
    /// No rows.
    #[must_use]
    pub const fn new() -> Self {
        Self { tiles: TileRows::new(), scales: Vec::new(), columns: 0 }
    }

    /// Takes the shape `rows × columns` and keeps its memory. What it held is lost, and values stay as they were
    /// until they are written.
    ///
    /// # Errors
    /// There is no memory for it; the number of bytes that were asked for.
    pub fn reset(&mut self, rows: usize, columns: usize) -> Result<(), usize> {
        self.columns = columns;
        self.tiles.reset(rows, columns.div_ceil(2))?;
        let blocks = rows.div_ceil(BLOCK);
        let missing = blocks.saturating_sub(self.scales.len());
        self.scales.try_reserve_exact(missing).map_err(|_refused| missing * size_of::<[f32; BLOCK]>())?;
        self.scales.resize(blocks, [0.0; BLOCK]);
        Ok(())
    }

    /// How many columns a row has.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// How many bytes it holds.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.tiles.bytes() + self.scales.capacity() * size_of::<[f32; BLOCK]>()
    }

    /// Rounds binary32 `rows`, one after the other, into the rows from `first` on. A rest shorter than a row is left
    /// out, as are rows past the last.
    pub fn write(&mut self, isa: Isa, first: usize, rows: &[f32]) {
        let columns = self.columns.max(1);
        let places = self.scales.as_flattened_mut().iter_mut().enumerate().skip(first);
        for ((row, scale), values) in places.zip(rows.chunks_exact(columns)) {
            *scale = quantize_row(isa, values, self.tiles.line_places(row)).scale;
        }
    }

    /// Normalises binary32 `rows`, one after the other, in place, and rounds them into the rows from `first` on. A rest
    /// shorter than a row is left alone, as are rows past the last.
    pub fn write_normed(&mut self, isa: Isa, first: usize, norm: &Norm, rows: &mut [f32]) {
        let columns = self.columns.max(1);
        let places = self.scales.as_flattened_mut().iter_mut().enumerate().skip(first);
        for ((row, scale), values) in places.zip(rows.chunks_exact_mut(columns)) {
            *scale = norm_and_quantize_row(isa, norm, values, self.tiles.line_places(row)).scale;
        }
    }

    /// Rounds the rows `range` of bfloat16 values, which have as many columns, into the first rows; `range.start` is a
    /// multiple of 32. Rows past the last are left out.
    pub fn write_tiles(&mut self, isa: Isa, source: &TileRows, range: &Range<usize>) {
        let first = range.start / HEIGHT;
        let halves = self.scales.as_flattened_mut().as_chunks_mut().0.iter_mut().enumerate();
        for (half, scales) in halves.take(range.len().div_ceil(HEIGHT)) {
            let words = source.tiles_of(first + half);
            quantize_words(isa, words, self.tiles.tiles_of_mut(half), scales);
        }
    }

    /// The value at a place, zero outside.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> f32 {
        let [low, high] = self.tiles.word(row, column / 2).to_le_bytes();
        let byte = if column.is_multiple_of(2) { low } else { high };
        let scale = self.scales.as_flattened().get(row).copied().unwrap_or_default();
        f32::from(byte.cast_signed()) * scale
    }

    /// All rows for reading.
    #[must_use]
    pub fn view(&self) -> ByteView<'_> {
        ByteView { tiles: self.tiles.view(), scales: &self.scales, columns: self.columns }
    }

    /// The blocks that hold `rows`; `rows.start` is a multiple of 32. Rows that are not there are left out.
    #[must_use]
    pub fn part(&self, rows: &Range<usize>) -> ByteView<'_> {
        let end = rows.end.div_ceil(BLOCK).min(self.scales.len());
        let scales = self.scales.get(rows.start / BLOCK..end).unwrap_or_default();
        ByteView { tiles: self.tiles.part(rows), scales, columns: self.columns }
    }
}

impl ByteView<'_> {
    /// How many columns a row has.
    #[must_use]
    pub const fn columns(self) -> usize {
        self.columns
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::norm::NormKind;

    fn noise(length: usize, seed: usize) -> Vec<f32> {
        (0..length).map(|i| ((i * 7919 + seed * 613) % 2003) as f32 / 300.0 - 3.0).collect()
    }

    /// Half a step of the row, and what binary32 adds to that.
    fn bound(row: &[f32]) -> f32 {
        row.iter().fold(0.0_f32, |largest, value| largest.max(value.abs())) / 253.9
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn values_come_back_within_half_a_step(rows in 1_usize..70, columns in 1_usize..300, seed in 0_usize..100) {
            let values = noise(rows * columns, seed);
            for isa in [Isa::PORTABLE, Isa::detect()] {
                let (mut words, mut bytes, mut again) = (TileRows::new(), ByteRows::new(), ByteRows::new());
                words.reset(rows, columns).unwrap();
                words.write(isa, 0, &values);
                bytes.reset(rows, columns).unwrap();
                bytes.write(isa, 0, &values);
                again.reset(rows, columns).unwrap();
                again.write_tiles(isa, &words, &(0..rows));
                for (row, values) in values.chunks(columns).enumerate() {
                    let rounded: Vec<f32> = (0..columns).map(|column| words.get(row, column)).collect();
                    for column in 0..columns {
                        let (got, from_words) = (bytes.get(row, column), again.get(row, column));
                        prop_assert!((got - values[column]).abs() <= bound(values), "{} {}", got, values[column]);
                        prop_assert!((from_words - rounded[column]).abs() <= bound(&rounded));
                    }
                    prop_assert_eq!(bytes.get(row, columns), 0.0, "padding");
                }
            }
        }
    }

    #[test]
    fn every_path_gives_the_same_bytes() {
        for columns in [1, 2, 31, 32, 33, 63, 64, 65, 128, 384, 1000] {
            let values = noise(40 * columns, columns);
            let mut found = [Isa::PORTABLE, Isa::detect()].map(|isa| {
                let (mut words, mut bytes, mut again) = (TileRows::new(), ByteRows::new(), ByteRows::new());
                words.reset(40, columns).unwrap();
                words.write(isa, 0, &values);
                bytes.reset(40, columns).unwrap();
                bytes.write(isa, 0, &values);
                again.reset(8, columns).unwrap();
                again.write_tiles(isa, &words, &(32..40));
                let all = |rows: &ByteRows, count: usize| -> Vec<f32> {
                    (0..count * columns).map(|i| rows.get(i / columns, i % columns)).collect()
                };
                [all(&bytes, 40), all(&again, 8)]
            });
            let [portable, detected] = found.each_mut();
            assert_eq!(portable, detected, "{columns} columns");
        }
    }

    #[test]
    fn a_normed_row_is_the_norm_rounded() {
        for (columns, kind) in [(31, NormKind::Layer), (96, NormKind::Rms), (384, NormKind::Layer)] {
            let norm = Norm::new(kind, vec![1.5; columns], vec![0.25; columns], 1e-5).unwrap();
            for isa in [Isa::PORTABLE, Isa::detect()] {
                let (mut rows, mut normed) = (noise(3 * columns, 1), ByteRows::new());
                normed.reset(40, columns).unwrap();
                normed.write_normed(isa, 30, &norm, &mut rows);
                let mut expected = noise(3 * columns, 1);
                norm.apply(&mut expected);
                for (index, (got, expected)) in rows.iter().zip(&expected).enumerate() {
                    let row = index / columns;
                    let half_a_step = bound(&rows[row * columns..][..columns]);
                    let byte = normed.get(30 + row, index % columns);
                    assert!((got - expected).abs() <= 3e-6);
                    assert!((byte - expected).abs() <= half_a_step + 3e-6);
                }
            }
        }
    }

    #[test]
    fn rows_of_nothing_are_zero_and_rows_without_numbers_are_none() {
        for isa in [Isa::PORTABLE, Isa::detect()] {
            let mut rows = ByteRows::new();
            rows.reset(3, 70).unwrap();
            let mut values = vec![0.0; 3 * 70];
            values[70] = 1e-42;
            values[140 + 69] = f32::NEG_INFINITY;
            rows.write(isa, 0, &values);
            assert!((0..70).all(|column| rows.get(0, column) == 0.0 && rows.get(1, column) == 0.0));
            assert!((0..70).all(|column| rows.get(2, column).is_nan()));
        }
    }
}
