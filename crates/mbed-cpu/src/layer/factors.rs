//! What products through tiles are made of: bfloat16 values, or bytes with scales.

use std::fmt::Debug;
use std::ops::Range;

use mbed_core::TensorError;
use mbed_kernels::Isa;
use mbed_kernels::bf16::{Bf16Linear, Output, TileRows};
use mbed_kernels::gemm::ShapeMismatch;
use mbed_kernels::int8::{ByteRows, Int8Linear};
use mbed_kernels::norm::Norm;

use super::tiled::TiledRows;
use crate::load::Stacked;
use crate::scratch::Scratch;

/// Some of all rows.
pub(crate) type Part<'a, R> = (&'a R, Range<usize>);

/// Rows that linear maps take; see [`TileRows`].
pub(crate) trait Factors: Debug + Default {
    fn reset(&mut self, rows: usize, columns: usize) -> Result<(), usize>;

    /// Makes room for a copy of bfloat16 values, where one is needed.
    fn reserve_copy(&mut self, rows: usize, columns: usize) -> Result<(), usize>;

    /// Some rows of bfloat16 values as factors, the first of which is a multiple of 32: as they are, or copied here.
    fn of_words<'a>(&'a mut self, isa: Isa, words: Part<'a, TileRows>) -> Part<'a, Self>;

    fn write(&mut self, isa: Isa, first: usize, rows: &[f32]);

    fn write_normed(&mut self, isa: Isa, first: usize, norm: &Norm, rows: &mut [f32]);

    fn columns(&self) -> usize;

    fn bytes(&self) -> usize;
}

/// A kind of linear maps.
pub(crate) trait Kind: Debug {
    type Rows: Factors;
    type Linear: Debug;

    fn linear(isa: Isa, map: &Stacked) -> Result<Self::Linear, TensorError>;

    fn bytes(map: &Self::Linear) -> usize;

    /// Length of `y`.
    fn output(map: &Self::Linear) -> usize;

    /// Where a thread keeps such rows.
    fn rows(scratch: &mut Scratch) -> &mut TiledRows<Self::Rows>;

    /// Maps some rows; the first is a multiple of 32.
    fn apply(map: &Self::Linear, x: Part<'_, Self::Rows>, output: Output<'_>) -> Result<(), ShapeMismatch>;
}

/// Products of bfloat16 values.
#[derive(Debug)]
pub(super) enum OfWords {}

/// Products of bytes.
#[derive(Debug)]
pub(super) enum OfBytes {}

macro_rules! factors {
    (
        $rows:ty,
        |$copy:ident, $count:ident, $columns:ident| $reserve:expr,
        |$room:ident, $isa:ident, $words:ident| $part:expr
    ) => {
        impl Factors for $rows {
            fn reset(&mut self, rows: usize, columns: usize) -> Result<(), usize> {
                self.reset(rows, columns)
            }

            fn reserve_copy(&mut self, $count: usize, $columns: usize) -> Result<(), usize> {
                let $copy = self;
                $reserve
            }

            fn of_words<'a>(&'a mut self, $isa: Isa, $words: Part<'a, TileRows>) -> Part<'a, Self> {
                let $room = self;
                $part
            }

            fn write(&mut self, isa: Isa, first: usize, rows: &[f32]) {
                self.write(isa, first, rows);
            }

            fn write_normed(&mut self, isa: Isa, first: usize, norm: &Norm, rows: &mut [f32]) {
                self.write_normed(isa, first, norm, rows);
            }

            fn columns(&self) -> usize {
                self.columns()
            }

            fn bytes(&self) -> usize {
                self.bytes()
            }
        }
    };
}

factors!(TileRows, |_copy, _rows, _columns| Ok(()), |_room, _isa, words| words);
factors!(ByteRows, |copy, rows, columns| copy.reset(rows, columns), |room, isa, words| {
    let (words, rows) = words;
    room.write_tiles(isa, words, &rows);
    (room, 0..rows.len())
});

macro_rules! kind {
    ($kind:ty, $rows:ty, $linear:ident, $place:ident) => {
        impl Kind for $kind {
            type Rows = $rows;
            type Linear = $linear;

            fn linear(isa: Isa, map: &Stacked) -> Result<Self::Linear, TensorError> {
                let Stacked { weight, bias, input, .. } = map;
                $linear::new(isa, weight, bias, *input).ok_or_else(|| map.misshapen())
            }

            fn bytes(map: &Self::Linear) -> usize {
                map.bytes()
            }

            fn output(map: &Self::Linear) -> usize {
                map.output()
            }

            fn rows(scratch: &mut Scratch) -> &mut TiledRows<Self::Rows> {
                &mut scratch.$place
            }

            fn apply(
                map: &Self::Linear,
                (x, rows): Part<'_, Self::Rows>,
                output: Output<'_>,
            ) -> Result<(), ShapeMismatch> {
                map.apply(x.part(&rows), output)
            }
        }
    };
}

kind!(OfWords, TileRows, Bf16Linear, bf16);
kind!(OfBytes, ByteRows, Int8Linear, int8);
