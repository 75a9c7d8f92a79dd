//! Linear maps of bytes.

use super::machine::{Waiting, quantize_row};
use super::rows::ByteView;
use super::sums::{Scales, Sums};
use crate::Isa;
use crate::bf16::Output;
use crate::bf16::finish::Place;
use crate::bf16::machine::Machine;
use crate::bf16::panels::{Panels, Product, output_of, outputs};
use crate::bf16::tiles::{BLOCK, HEIGHT, Line, WIDTH};
use crate::gemm::ShapeMismatch;

/// Bytes of a line.
const BYTES: usize = 2 * WIDTH;

/// Where sums may reach the end of 32 bits: `127 · 127` times as many.
const MOST_INPUTS: usize = i32::MAX as usize / (127 * 127);

/// `y = W x + b` in bytes with exact sums. Weights are rounded when it is made, with a scale for each output.
#[derive(Clone, Debug)]
pub struct Int8Linear {
    panels: Panels<Columns>,
    output: usize,
}

/// What belongs to the columns of a panel.
#[derive(Clone, Debug, Default)]
struct Columns {
    bias: [f32; BLOCK],
    scale: [f32; BLOCK],
}

impl Int8Linear {
    /// A map from `weight` (`output × input`, row-major) and `bias` (`output`, or empty for none), or `None` where
    /// the lengths do not fit or there are over 133,000 inputs.
    #[must_use]
    pub fn new(isa: Isa, weight: &[f32], bias: &[f32], input: usize) -> Option<Self> {
        let output = outputs(weight, bias, input).filter(|_| input <= MOST_INPUTS)?;
        let source = |panel, column| output_of((weight, bias), input, panel * BLOCK + column);
        let panels =
            Panels::new(isa, (input, BYTES), output.div_ceil(BLOCK), source, |weights, column, places| {
                pack_column(isa, weights, column, places);
            });
        Some(Self { panels, output })
    }

    /// Length of `x`.
    #[must_use]
    pub const fn input(&self) -> usize {
        self.panels.input
    }

    /// Length of `y`.
    #[must_use]
    pub const fn output(&self) -> usize {
        self.output
    }

    /// How many bytes it holds.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.panels.bytes()
    }

    /// Maps all rows of `x`.
    ///
    /// # Errors
    /// `x` has another length, or the output's tiles have.
    pub fn apply(&self, x: ByteView<'_>, mut output: Output<'_>) -> Result<(), ShapeMismatch> {
        let columns = match &output {
            Output::Tiles(_, tiles) => tiles.columns(),
            Output::Rows(_) | Output::Sum(_) => self.output,
        };
        check(x, (self.input(), self.output), columns)?;
        let machine = Machine::start(self.panels.isa);
        let mut blocks = [const { Sums::ZERO }; 2];
        let [mut sums, mut before] = blocks.each_mut();
        let mut last: Option<(Scales<'_>, Place<'_>)> = None;
        for product in self.panels.products(x.tiles) {
            let Product { rows, weights, .. } = product;
            match last {
                None => machine.multiply_bytes(rows, weights, sums),
                Some((scales, place)) => {
                    let waiting = Waiting { sums: before, scales, place };
                    machine.multiply_bytes_and_finish((rows, weights), sums, waiting, &mut output);
                }
            }
            std::mem::swap(&mut sums, &mut before);
            last = Some(belongings(&self.panels, x, &product, columns));
        }
        if let Some((scales, place)) = last {
            machine.finish_bytes(Waiting { sums: before, scales, place }, &mut output);
        }
        Ok(())
    }
}

/// What a product's sums are multiplied by, and where they go.
fn belongings<'a>(
    panels: &'a Panels<Columns>,
    x: ByteView<'a>,
    product: &Product<'_>,
    columns: usize,
) -> (Scales<'a>, Place<'a>) {
    let of_panel = &panels.columns[product.panel];
    let scales = Scales { rows: &x.scales[product.block], columns: &of_panel.scale };
    (scales, Place { row: product.block * BLOCK, panel: product.panel, columns, bias: &of_panel.bias })
}

/// Rounds the weights of one output into column `column` of a panel.
fn pack_column(
    isa: Isa,
    (weights, bias): (&[f32], f32),
    column: usize,
    (panel, places): (&mut [Line], &mut Columns),
) {
    let mut bytes = vec![Line::ZERO; weights.len().div_ceil(BYTES)];
    places.bias[column] = bias;
    places.scale[column] = quantize_row(isa, weights, bytes.iter_mut()).scale;
    let (tile, place) = (column / HEIGHT, 2 * (column % HEIGHT));
    for (bytes, tiles) in bytes.iter().zip(panel.chunks_exact_mut(2 * HEIGHT)) {
        for (four, line) in bytes.0.as_chunks::<2>().0.iter().zip(&mut tiles[tile * HEIGHT..]) {
            line.0[place..place + 2].copy_from_slice(four);
        }
    }
}

fn check(x: ByteView<'_>, (input, output): (usize, usize), columns: usize) -> Result<(), ShapeMismatch> {
    if x.columns() == input && columns == output {
        return Ok(());
    }
    let rows = x.scales.len() * BLOCK;
    Err(ShapeMismatch { left: (rows, x.columns()), right: (input, output), output: (rows, columns) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::activation::Function;
    use crate::bf16::TileRows;
    use crate::int8::ByteRows;

    /// Between -1 and 1, of magnitudes that differ from row to row.
    fn noise(rows: usize, columns: usize, seed: usize) -> Vec<f32> {
        let value = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0;
        (0..rows * columns).map(|i| value(i) / (1 + i / columns % 5) as f32).collect()
    }

    fn byte_rows(isa: Isa, columns: usize, values: &[f32]) -> ByteRows {
        let mut rows = ByteRows::new();
        rows.reset(values.len() / columns, columns).unwrap();
        rows.write(isa, 0, values);
        rows
    }

    /// Rounded to one of 255 steps, in binary64.
    fn steps(values: &[f32]) -> (Vec<f64>, f64) {
        let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let round = |&value: &f32| f64::from((value * (127.0 / largest)).round_ties_even());
        (values.iter().map(round).collect(), f64::from(largest) / 127.0)
    }

    /// What the formula says of one value.
    fn truth(x: &[f32], weight: &[f32], bias: Option<&f32>) -> f64 {
        let ((x, x_scale), (weight, weight_scale)) = (steps(x), steps(weight));
        let dot: f64 = x.iter().zip(&weight).map(|(a, b)| a * b).sum();
        dot * x_scale * weight_scale + bias.map_or(0.0, |&bias| f64::from(bias))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn every_output_is_what_the_formula_says(
            (rows, input, output) in (1_usize..80, 1_usize..600, 1_usize..110),
            (has_bias, seed) in (any::<bool>(), 0_usize..1000),
        ) {
            let (x, weight) = (noise(rows, input, seed), noise(output, input, seed + 1));
            let bias = if has_bias { noise(1, output, seed + 2) } else { Vec::new() };
            for isa in [Isa::PORTABLE, Isa::detect()] {
                let linear = Int8Linear::new(isa, &weight, &bias, input).unwrap();
                let x_rows = byte_rows(isa, input, &x);
                let mut y = vec![f32::NAN; rows * output];
                linear.apply(x_rows.view(), Output::Rows(&mut y)).unwrap();
                let mut sum = vec![0.5; rows * output];
                linear.apply(x_rows.view(), Output::Sum(&mut sum)).unwrap();
                let mut rounded = TileRows::new();
                rounded.reset(rows, output).unwrap();
                linear.apply(x_rows.view(), Output::Tiles(Function::Identity, &mut rounded)).unwrap();
                for (row, column) in (0..rows).flat_map(|row| (0..output).map(move |column| (row, column))) {
                    let weights = &weight[column * input..(column + 1) * input];
                    let expected = truth(&x[row * input..(row + 1) * input], weights, bias.get(column));
                    let got = y[row * output + column];
                    let bound = expected.abs() * 1e-6 + 1e-6;
                    prop_assert!((f64::from(got) - expected).abs() <= bound, "{got} for {expected}");
                    prop_assert_eq!(sum[row * output + column], 0.5 + got);
                    let rounded = rounded.get(row, column);
                    prop_assert!((rounded - got).abs() <= got.abs() / 256.0, "{} for {}", rounded, got);
                }
            }
        }
    }

    /// The last block of a call is finished by itself, as is the only one; others beside products, where there are
    /// many inputs.
    #[test]
    fn a_row_has_the_same_bits_alone_and_anywhere_among_others() {
        for (isa, input) in [(Isa::PORTABLE, 500), (Isa::detect(), 500), (Isa::detect(), 100)] {
            let output = 70;
            let weight = noise(output, input, 1);
            let linear = Int8Linear::new(isa, &weight, &noise(1, output, 2), input).unwrap();
            let x = noise(200, input, 3);
            let all = results(&linear, &byte_rows(isa, input, &x), 200);
            for row in [0, 15, 16, 31, 32, 127, 128, 199] {
                let alone = byte_rows(isa, input, &x[row * input..(row + 1) * input]);
                for (alone, all) in results(&linear, &alone, 1).iter().zip(&all) {
                    assert_eq!(alone, &all[row * output..(row + 1) * output], "row {row} of {input}");
                }
            }
        }
    }

    /// Every kind of output.
    fn results(linear: &Int8Linear, x: &ByteRows, rows: usize) -> Vec<Vec<f32>> {
        let output = linear.output();
        let mut values = vec![0.0; rows * output];
        linear.apply(x.view(), Output::Rows(&mut values)).unwrap();
        let mut sums = vec![0.25; rows * output];
        linear.apply(x.view(), Output::Sum(&mut sums)).unwrap();
        let tiles = [Function::Identity, Function::Gelu, Function::Silu].map(|function| {
            let mut tiles = TileRows::new();
            tiles.reset(rows, output).unwrap();
            linear.apply(x.view(), Output::Tiles(function, &mut tiles)).unwrap();
            (0..rows * output).map(|i| tiles.get(i / output, i % output)).collect()
        });
        [values, sums].into_iter().chain(tiles).collect()
    }

    #[test]
    fn what_is_no_number_makes_its_row_none_and_no_other() {
        for isa in [Isa::PORTABLE, Isa::detect()] {
            let linear = Int8Linear::new(isa, &noise(40, 300, 1), &[], 300).unwrap();
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = noise(40, 300, 2);
                x[7 * 300 + 299] = value;
                let mut y = vec![0.0; 40 * 40];
                linear.apply(byte_rows(isa, 300, &x).view(), Output::Rows(&mut y)).unwrap();
                for (row, values) in y.chunks(40).enumerate() {
                    assert!(values.iter().all(|value| value.is_nan() == (row == 7)), "{value} in row {row}");
                }
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let isa = Isa::PORTABLE;
        assert!(Int8Linear::new(isa, &[1.0; 6], &[], 4).is_none());
        assert!(Int8Linear::new(isa, &[1.0; 6], &[0.0; 3], 3).is_none());
        assert!(Int8Linear::new(isa, &vec![0.0; MOST_INPUTS + 1], &[], MOST_INPUTS + 1).is_none());
        let linear = Int8Linear::new(isa, &[1.0; 6], &[], 3).unwrap();
        let x = byte_rows(isa, 4, &[1.0; 4]);
        assert!(linear.apply(x.view(), Output::Rows(&mut [0.0; 2])).is_err());
        let mut y = TileRows::new();
        y.reset(1, 3).unwrap();
        let x = byte_rows(isa, 3, &[1.0; 3]);
        assert!(linear.apply(x.view(), Output::Tiles(Function::Relu, &mut y)).is_err());
        linear.apply(x.view(), Output::Rows(&mut [0.0; 2])).unwrap();
    }
}
