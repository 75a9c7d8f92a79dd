//! Values to bytes, by plain loops: the truth.

use crate::bf16::tiles::{HEIGHT, Line, WIDTH, from_bf16};

/// The largest byte in use. -128 is not, so that signs are alike.
pub(super) const LARGEST: f32 = 127.0;

/// What values are divided by, and what that undoes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// A byte stands for so much; NaN where a value is not finite, so that nothing made of it looks right.
    pub(super) scale: f32,
    /// What values are multiplied by before they are rounded.
    pub(super) inverse: f32,
}

impl Facts {
    /// Of values whose largest magnitude has these bits: magnitudes are in the order of their bits, with infinity and
    /// NaN last.
    pub(super) const fn of_bits(bits: u32) -> Self {
        let largest = f32::from_bits(bits);
        if !largest.is_finite() {
            return Self { scale: f32::NAN, inverse: 0.0 };
        }
        let inverse = LARGEST / largest;
        // All zeros, or next to nothing.
        if inverse.is_infinite() {
            return Self { scale: 0.0, inverse: 0.0 };
        }
        Self { scale: largest / LARGEST, inverse }
    }

    pub(super) fn of(values: impl Iterator<Item = f32>) -> Self {
        Self::of_bits(values.map(|value| value.abs().to_bits()).max().unwrap_or(0))
    }

    /// Rounds to the nearest, ties to even.
    pub(super) fn byte(self, value: f32) -> i8 {
        (value * self.inverse).round_ties_even() as i8
    }
}

/// Rounds a row to bytes; the rest of its last line is zero.
pub(super) fn quantize<'a>(values: &[f32], lines: impl Iterator<Item = &'a mut Line>) -> Facts {
    let facts = Facts::of(values.iter().copied());
    for (values, line) in values.chunks(2 * WIDTH).zip(lines) {
        *line = Line::ZERO;
        for (pair, place) in values.chunks(2).zip(&mut line.0) {
            let byte = |index: usize| pair.get(index).map_or(0, |&value| facts.byte(value)).cast_unsigned();
            *place = u16::from_le_bytes([byte(0), byte(1)]);
        }
    }
    facts
}

/// Rounds 16 rows of bfloat16 values, 32 columns after 32 columns, to bytes, 64 columns after 64 columns.
pub(super) fn quantize_words<'a, 'b>(
    words: impl Iterator<Item = &'b [Line; HEIGHT]> + Clone,
    tiles: impl Iterator<Item = &'a mut [Line; HEIGHT]>,
    scales: &mut [f32; HEIGHT],
) {
    let row_of = |row: usize| words.clone().flat_map(move |tile| tile[row].0.map(from_bf16));
    let facts: [Facts; HEIGHT] = std::array::from_fn(|row| Facts::of(row_of(row)));
    *scales = facts.map(|facts| facts.scale);
    let mut rows: [_; HEIGHT] = std::array::from_fn(row_of);
    for tile in tiles {
        for ((line, facts), row) in tile.iter_mut().zip(facts).zip(&mut rows) {
            let mut byte = || row.next().map_or(0, |value| facts.byte(value)).cast_unsigned();
            line.0 = std::array::from_fn(|_| u16::from_le_bytes([byte(), byte()]));
        }
    }
}
