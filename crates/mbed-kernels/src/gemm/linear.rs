//! Linear maps `y = W x + b` of rows.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over rows and registers go over constant ranges: then all sums stay in registers"
)]

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::kernel::{Sums, accumulate, load, store_row};
use super::panels::{LINE, Line, Panels};
use crate::Isa;
use crate::activation::Function;

/// Inputs between two looks at where rows lie.
const CHUNK: usize = 64;

/// A linear map with its weights in the order that products read them.
#[derive(Clone, Debug)]
pub struct Linear {
    isa: Isa,
    weights: Panels,
    bias: Panels,
    input: usize,
    output: usize,
}

/// Where a linear map's results go, row after row, and what becomes of them on the way.
#[derive(Debug)]
pub enum Output<'a> {
    /// A function's values.
    Rows(Function, &'a mut [f32]),
    /// They are added to what is there.
    Sum(&'a mut [f32]),
    /// What is there is multiplied by them.
    Product(&'a mut [f32]),
}

/// Rows that do not fit a map or each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("matrices of {left:?} and {right:?} do not give one of {output:?}, or leave their slices")]
pub struct ShapeMismatch {
    /// Rows and columns of the left factor.
    pub left: (usize, usize),
    /// Rows and columns of the right factor.
    pub right: (usize, usize),
    /// Rows and columns of the result.
    pub output: (usize, usize),
}

impl Linear {
    /// A map from `weight` (`output × input`, row-major) and `bias` (`output`, or empty for none), or `None` where
    /// the lengths do not fit.
    #[must_use]
    pub fn new(isa: Isa, weight: &[f32], bias: &[f32], input: usize) -> Option<Self> {
        let output = weight.len().checked_div(input)?;
        let bias_fits = bias.is_empty() || bias.len() == output;
        if output == 0 || weight.len() != input * output || !bias_fits {
            return None;
        }
        let width = isa.vectorize(Width);
        let weights = Panels::of_transposed(weight, input, width);
        let none = [0.0];
        let bias = if bias.is_empty() { none.repeat(output) } else { bias.to_vec() };
        Some(Self { isa, weights, bias: Panels::of_row(&bias, width), input, output })
    }

    /// Length of `x`.
    #[must_use]
    pub const fn input(&self) -> usize {
        self.input
    }

    /// Length of `y`.
    #[must_use]
    pub const fn output(&self) -> usize {
        self.output
    }

    /// Operations for so many rows, two for a multiplication with its addition.
    #[must_use]
    pub const fn operations(&self, rows: usize) -> usize {
        2 * rows * self.input * self.output
    }

    /// How many bytes it holds.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.weights.bytes() + self.bias.bytes()
    }

    /// Maps the rows of `x`, `rows × input`. A row's results depend on that row alone, bit for bit.
    ///
    /// # Errors
    /// `x` does not end with a row, or `output` is not as long as the results.
    pub fn apply(&self, x: &[f32], mut output: Output<'_>) -> Result<(), ShapeMismatch> {
        let (Output::Rows(_, y) | Output::Sum(y) | Output::Product(y)) = &mut output;
        let rows = x.len() / self.input;
        if x.len() != rows * self.input || y.len() != rows * self.output {
            return Err(ShapeMismatch {
                left: (rows, self.input),
                right: (self.input, self.output),
                output: (y.len() / self.output, self.output),
            });
        }
        if rows > 0 {
            self.isa.vectorize(Apply { linear: self, x, output });
        }
        Ok(())
    }
}

/// Asks for the lines of a panel that the instructions work best with.
struct Width;

impl WithSimd for Width {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> usize {
        if S::F32_LANES == LINE { 3 } else { 1 }
    }
}

struct Apply<'a> {
    linear: &'a Linear,
    x: &'a [f32],
    output: Output<'a>,
}

impl WithSimd for Apply<'_> {
    type Output = ();

    /// Rows and registers that are summed at a time are as many as leave registers for weights and one value: 24 of 32
    /// on AVX-512, 12 of 16 elsewhere. Each weight is then used 8, 6 or 3 times, each value 3, 2 or 4 times.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            LINE => self.run::<S, 8, 3, 3>(simd),
            8 => self.run::<S, 6, 2, 1>(simd),
            _ => self.run::<S, 3, 4, 1>(simd),
        }
    }
}

/// Some columns of the results, and the weights for them.
struct Panel<'a> {
    lines: &'a [Line],
    bias: &'a [Line],
    columns: Range<usize>,
}

impl Apply<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const REGISTERS: usize, const LINES: usize>(mut self, simd: S) {
        let Linear { weights, bias, input, output, .. } = self.linear;
        for (index, (lines, bias)) in weights.iter().zip(bias.iter()).enumerate() {
            let first = index * LINES * LINE;
            let panel = Panel { lines, bias, columns: first..(*output).min(first + LINES * LINE) };
            for row in (0..self.x.len() / input).step_by(ROWS) {
                self.tile::<S, ROWS, REGISTERS, LINES>(simd, &panel, row);
            }
        }
    }

    /// The results of `ROWS` rows from `first` on. Where there are fewer, the last one stands for those that are not there.
    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const REGISTERS: usize, const LINES: usize>(
        &mut self,
        simd: S,
        panel: &Panel<'_>,
        first: usize,
    ) {
        let Linear { input, output, .. } = *self.linear;
        let last = self.x.len() / input - 1;
        let mut rows = [&[][..]; ROWS];
        for row in 0..ROWS {
            rows[row] = &self.x[last.min(first + row) * input..][..input];
        }
        let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; ROWS];
        self.begin(simd, panel, first, &mut sums);
        accumulate::<S, ROWS, REGISTERS, LINES, CHUNK>(simd, rows, panel.lines, &mut sums);
        self.finish(simd, panel, first, &sums);
        if let Output::Rows(function, y) = &mut self.output
            && *function != Function::Identity
        {
            for row in y.chunks_exact_mut(output).skip(first).take(ROWS) {
                function.apply_with(simd, &mut row[panel.columns.clone()]);
            }
        }
    }

    /// What the sums begin with.
    #[inline(always)]
    fn begin<S: Simd, const ROWS: usize, const REGISTERS: usize>(
        &self,
        simd: S,
        panel: &Panel<'_>,
        first: usize,
        sums: &mut Sums<S, ROWS, REGISTERS>,
    ) {
        let in_line = LINE / S::F32_LANES;
        for row in 0..ROWS {
            for register in 0..REGISTERS {
                let bias = &panel.bias[register / in_line].0;
                sums[row][register] = S::as_simd_f32s(bias).0[register % in_line];
            }
        }
        let Output::Sum(old) = &self.output else { return };
        let last = self.x.len() / self.linear.input - 1;
        for row in 0..ROWS {
            let old = &old[self.places(panel, last.min(first + row))];
            for register in 0..REGISTERS {
                sums[row][register] = simd.add_f32s(sums[row][register], load(simd, old, register));
            }
        }
    }

    /// Where the part's columns of a row lie.
    #[inline(always)]
    const fn places(&self, panel: &Panel<'_>, row: usize) -> Range<usize> {
        let start = row * self.linear.output;
        start + panel.columns.start..start + panel.columns.end
    }

    #[inline(always)]
    fn finish<S: Simd, const ROWS: usize, const REGISTERS: usize>(
        &mut self,
        simd: S,
        panel: &Panel<'_>,
        first: usize,
        sums: &Sums<S, ROWS, REGISTERS>,
    ) {
        let rows = self.x.len() / self.linear.input;
        for row in 0..ROWS {
            if first + row >= rows {
                return;
            }
            let (places, mut values) = (self.places(panel, first + row), sums[row]);
            match &mut self.output {
                Output::Rows(_, y) | Output::Sum(y) => store_row(simd, &mut y[places], values),
                Output::Product(y) => {
                    for register in 0..REGISTERS {
                        values[register] =
                            simd.mul_f32s(values[register], load(simd, &y[places.clone()], register));
                    }
                    store_row(simd, &mut y[places], values);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    fn noise(length: usize, seed: usize) -> Vec<f32> {
        (0..length).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1000.0 - 1.0).collect()
    }

    fn levels() -> impl Iterator<Item = Isa> {
        Level::ALL.into_iter().map(|level| Isa::detect().at_most(level))
    }

    #[test]
    fn rows_are_mapped_one_by_one_whatever_stands_beside_them() {
        let sizes = (1..=50).flat_map(|size| [(5, size), (size, 3)]);
        for (input, output) in sizes.chain([(48, 40), (384, 97), (131, 144), (257, 49)]) {
            for isa in levels() {
                check_rows(isa, input, output);
            }
        }
    }

    fn check_rows(isa: Isa, input: usize, output: usize) {
        const ROWS: usize = 37;
        let (weight, bias) = (noise(input * output, 1), noise(output, 2));
        let linear = Linear::new(isa, &weight, &bias, input).unwrap();
        let (x, before) = (noise(ROWS * input, 3), noise(ROWS * output, 4));
        let [mut y, mut sums, mut products, mut positive] = std::array::from_fn(|_| before.clone());
        linear.apply(&x, Output::Rows(Function::Identity, &mut y)).unwrap();
        linear.apply(&x, Output::Rows(Function::Relu, &mut positive)).unwrap();
        linear.apply(&x, Output::Sum(&mut sums)).unwrap();
        linear.apply(&x, Output::Product(&mut products)).unwrap();
        for (index, &got) in y.iter().enumerate() {
            let (row, column) = (index / output, index % output);
            let pairs = x[row * input..].iter().zip(&weight[column * input..]).take(input);
            let dot: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let (truth, old) = (dot + f64::from(bias[column]), f64::from(before[index]));
            for (got, truth) in [
                (got, truth),
                (positive[index], truth.max(0.0)),
                (sums[index], truth + old),
                (products[index], truth * old),
            ] {
                let bound = 1e-6 * (100.0 + input as f64);
                assert!((f64::from(got) - truth).abs() < bound, "{isa:?}, {input} to {output}");
            }
        }
        for count in [1, 2, 7, 8, 9, 12, 13] {
            let mut alone = before[..count * output].to_vec();
            linear
                .apply(&x[input..(count + 1) * input], Output::Rows(Function::Identity, &mut alone))
                .unwrap();
            assert_eq!(alone, y[output..(count + 1) * output], "{count} rows");
        }
        let without_bias = Linear::new(isa, &weight, &[], input).unwrap();
        let mut alone = vec![f32::NAN; output];
        without_bias.apply(&x[..input], Output::Rows(Function::Identity, &mut alone)).unwrap();
        for (column, &added) in bias.iter().enumerate() {
            assert!((alone[column] + added - y[column]).abs() < 1e-4);
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        for isa in levels() {
            assert!(Linear::new(isa, &[0.0; 6], &[], 4).is_none());
            assert!(Linear::new(isa, &[0.0; 6], &[0.0], 3).is_none());
            assert!(Linear::new(isa, &[0.0; 6], &[], 0).is_none());
            let linear = Linear::new(isa, &[1.0; 6], &[], 3).unwrap();
            let mut y = [0.0; 4];
            let apply = |x: &[f32], y: &mut [f32]| linear.apply(x, Output::Sum(y)).is_ok();
            assert!(apply(&[1.0; 6], &mut y) && apply(&[], &mut []));
            assert!(!apply(&[1.0; 5], &mut y) && !apply(&[1.0; 6], &mut y[1..]) && !apply(&[1.0; 3], &mut y));
        }
    }
}
