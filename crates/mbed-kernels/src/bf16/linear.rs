//! Linear maps with weights in the order in which tiles are loaded.

use super::finish::{Output, Place};
use super::machine::Machine;
use super::panels::{Panels, Product, output_of, outputs};
use super::tiles::{BLOCK, Block, HEIGHT, Line, TileRows, TileView, WIDTH, to_bf16};
use crate::Isa;
use crate::activation::Function;
use crate::gemm::ShapeMismatch;

/// `y = W x + b` in bfloat16 with sums in binary32.
#[derive(Clone, Debug)]
pub struct Bf16Linear {
    panels: Panels<Bias>,
    output: usize,
}

/// `y = function(V x + c) · (W x + b)` in bfloat16 with sums in binary32.
#[derive(Clone, Debug)]
pub struct Bf16Gated {
    panels: Panels<Bias>,
    output: usize,
}

/// What is added to the columns of a panel.
type Bias = [f32; BLOCK];

impl Bf16Linear {
    /// A map from `weight` (`output × input`, row-major) and `bias` (`output`, or empty for none), or `None` where
    /// the lengths do not fit.
    #[must_use]
    pub fn new(isa: Isa, weight: &[f32], bias: &[f32], input: usize) -> Option<Self> {
        let output = outputs(weight, bias, input)?;
        let source = |panel, column| output_of((weight, bias), input, panel * BLOCK + column);
        let panels = Panels::new(isa, (input, WIDTH), output.div_ceil(BLOCK), source, pack_column);
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
    pub fn apply(&self, x: TileView<'_>, mut output: Output<'_>) -> Result<(), ShapeMismatch> {
        let columns = match &output {
            Output::Tiles(_, tiles) => tiles.columns(),
            Output::Rows(_) | Output::Sum(_) => self.output,
        };
        check(x, (self.input(), self.output), columns)?;
        let panels = &self.panels;
        let machine = Machine::start(panels.isa);
        let mut blocks = [const { Block::ZERO }; 2];
        let [mut sums, mut before] = blocks.each_mut();
        let mut last = None;
        for Product { panel, block, rows, weights } in panels.products(x) {
            match last {
                None => machine.multiply(rows, weights, sums),
                Some(place) => {
                    machine.multiply_and_finish((rows, weights), sums, (before, place), &mut output);
                }
            }
            std::mem::swap(&mut sums, &mut before);
            last = Some(Place { row: block * BLOCK, panel, columns, bias: &panels.columns[panel] });
        }
        if let Some(place) = last {
            machine.finish(before, place, &mut output);
        }
        Ok(())
    }
}

impl Bf16Gated {
    /// A map from `[gate, up]`, the matrices `V` and `W` (`output × input`, row-major), each with its bias (`output`,
    /// or empty for none), or `None` where the lengths do not fit.
    #[must_use]
    pub fn new(isa: Isa, [gate, up]: [(&[f32], &[f32]); 2], input: usize) -> Option<Self> {
        let output = outputs(gate.0, gate.1, input)?;
        if outputs(up.0, up.1, input)? != output {
            return None;
        }
        const HALF: usize = BLOCK / 2;
        let source = |panel, column| {
            let map = if column < HALF { gate } else { up };
            output_of(map, input, panel * HALF + column % HALF)
        };
        let panels = Panels::new(isa, (input, WIDTH), output.div_ceil(HALF), source, pack_column);
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

    /// Maps all rows of `x`; as exact as [`Output::Tiles`]. Results past the last row of `y` are dropped.
    ///
    /// # Errors
    /// `x` or `y` has another length.
    pub fn apply(&self, x: TileView<'_>, function: Function, y: &mut TileRows) -> Result<(), ShapeMismatch> {
        let columns = y.columns();
        check(x, (self.input(), self.output), columns)?;
        let machine = Machine::start(self.panels.isa);
        let mut sums = Block::ZERO;
        for Product { panel, block, rows, weights } in self.panels.products(x) {
            machine.multiply(rows, weights, &mut sums);
            let place = Place { row: block * BLOCK, panel, columns, bias: &self.panels.columns[panel] };
            machine.finish_gated(&mut sums, place, function, y);
        }
        Ok(())
    }
}

/// Rounds the weights of one output into column `column` of a panel.
fn pack_column((weights, bias): (&[f32], f32), column: usize, (panel, biases): (&mut [Line], &mut Bias)) {
    biases[column] = bias;
    let (tile, place) = (column / HEIGHT, 2 * (column % HEIGHT));
    for (values, tiles) in weights.chunks(WIDTH).zip(panel.chunks_exact_mut(2 * HEIGHT)) {
        let lines = tiles[tile * HEIGHT..].iter_mut();
        for (pair, line) in values.chunks(2).zip(lines) {
            for (&value, place) in pair.iter().zip(&mut line.0[place..]) {
                *place = to_bf16(value);
            }
        }
    }
}

pub(crate) fn check(
    x: TileView<'_>,
    (input, output): (usize, usize),
    columns: usize,
) -> Result<(), ShapeMismatch> {
    if x.columns() == input && columns == output {
        return Ok(());
    }
    let rows = x.blocks() * BLOCK;
    Err(ShapeMismatch { left: (rows, x.columns()), right: (input, output), output: (rows, columns) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bf16::tiles::from_bf16;

    /// Between -1 and 1, rounded to bfloat16.
    fn noise(length: usize, seed: usize) -> Vec<f32> {
        let value = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0;
        (0..length).map(|i| from_bf16(to_bf16(value(i)))).collect()
    }

    fn tiles(isa: Isa, columns: usize, values: &[f32]) -> TileRows {
        let mut tiles = TileRows::new();
        tiles.reset(values.len() / columns, columns).unwrap();
        tiles.write(isa, 0, values);
        tiles
    }

    /// What the formula says of one value, in binary64.
    fn truth(x: &[f32], weight: &[f32], bias: Option<&f32>) -> f64 {
        let dot: f64 = x.iter().zip(weight).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        dot + bias.map_or(0.0, |&bias| f64::from(bias))
    }

    /// How far rounding in binary32 sums may lead; a wrong term would be a thousand times more.
    fn bound(x: &[f32], weight: &[f32]) -> f64 {
        let magnitude: f32 = x.iter().zip(weight).map(|(a, b)| (a * b).abs()).sum();
        f64::from(16.0 * f32::EPSILON * magnitude) + 1e-6
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn every_output_is_what_the_formula_says(
            (rows, input, output) in (1_usize..80, 1_usize..500, 1_usize..110),
            (has_bias, seed) in (any::<bool>(), 0_usize..1000),
        ) {
            let (x, weight) = (noise(rows * input, seed), noise(output * input, seed + 1));
            let bias = if has_bias { noise(output, seed + 2) } else { Vec::new() };
            for isa in [Isa::PORTABLE, Isa::detect()] {
                let linear = Bf16Linear::new(isa, &weight, &bias, input).unwrap();
                let x_tiles = tiles(isa, input, &x);
                let mut y = vec![f32::NAN; rows * output];
                linear.apply(x_tiles.view(), Output::Rows(&mut y)).unwrap();
                let mut sum = vec![0.5; rows * output];
                linear.apply(x_tiles.view(), Output::Sum(&mut sum)).unwrap();
                let mut rounded = TileRows::new();
                rounded.reset(rows, output).unwrap();
                linear.apply(x_tiles.view(), Output::Tiles(Function::Relu, &mut rounded)).unwrap();
                for (row, column) in (0..rows).flat_map(|row| (0..output).map(move |column| (row, column))) {
                    let values = &x[row * input..(row + 1) * input];
                    let weights = &weight[column * input..(column + 1) * input];
                    let (expected, bound) = (truth(values, weights, bias.get(column)), bound(values, weights));
                    let got = y[row * output + column];
                    prop_assert!((f64::from(got) - expected).abs() <= bound, "{got} for {expected}");
                    prop_assert_eq!(sum[row * output + column], 0.5 + got);
                    prop_assert_eq!(rounded.get(row, column), from_bf16(to_bf16(got.max(0.0))));
                }
            }
        }

        #[test]
        fn gates_meet_their_partners(
            (rows, input, output) in (1_usize..40, 1_usize..100, 1_usize..70),
            (has_bias, seed) in (any::<bool>(), 0_usize..1000),
        ) {
            let x = noise(rows * input, seed);
            let [gate, up] = [1, 2].map(|more| noise(output * input, seed + more));
            let bias = if has_bias { noise(output, seed + 3) } else { Vec::new() };
            for isa in [Isa::PORTABLE, Isa::detect()] {
                let gated = Bf16Gated::new(isa, [(&gate, &bias), (&up, &[])], input).unwrap();
                let mut y = TileRows::new();
                y.reset(rows, output).unwrap();
                gated.apply(tiles(isa, input, &x).view(), Function::Identity, &mut y).unwrap();
                for (row, column) in (0..rows).flat_map(|row| (0..output).map(move |column| (row, column))) {
                    let values = &x[row * input..(row + 1) * input];
                    let [gates, ups] = [&gate, &up].map(|weight| &weight[column * input..(column + 1) * input]);
                    let (gate, up) = (truth(values, gates, bias.get(column)), truth(values, ups, None));
                    let expected = gate * up;
                    let got = f64::from(y.get(row, column));
                    let bound = expected.abs() / 250.0
                        + bound(values, gates) * up.abs()
                        + bound(values, ups) * gate.abs()
                        + 1e-9;
                    prop_assert!((got - expected).abs() <= bound, "{got} for {expected}");
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
            let linear = Bf16Linear::new(isa, &noise(output * input, 1), &noise(output, 2), input).unwrap();
            let x = noise(200 * input, 3);
            let (all, all_sums, all_tiles) = results(&linear, &tiles(isa, input, &x), 200);
            for row in [0, 15, 16, 31, 32, 127, 128, 199] {
                let alone = tiles(isa, input, &x[row * input..(row + 1) * input]);
                let (rows, sums, tiles) = results(&linear, &alone, 1);
                let range = row * output..(row + 1) * output;
                assert_eq!((&rows[..], &sums[..]), (&all[range.clone()], &all_sums[range]), "row {row}");
                for (tile, all) in tiles.iter().zip(&all_tiles) {
                    assert!(
                        (0..output).all(|column| tile.get(0, column) == all.get(row, column)),
                        "row {row}"
                    );
                }
            }
        }
    }

    fn results(linear: &Bf16Linear, x: &TileRows, rows: usize) -> (Vec<f32>, Vec<f32>, Vec<TileRows>) {
        let mut plain = vec![0.0; rows * linear.output()];
        linear.apply(x.view(), Output::Rows(&mut plain)).unwrap();
        let mut sums = vec![0.25; rows * linear.output()];
        linear.apply(x.view(), Output::Sum(&mut sums)).unwrap();
        let rounded = [Function::Identity, Function::Gelu, Function::Silu].map(|function| {
            let mut y = TileRows::new();
            y.reset(rows, linear.output()).unwrap();
            linear.apply(x.view(), Output::Tiles(function, &mut y)).unwrap();
            y
        });
        (plain, sums, rounded.into())
    }

    #[test]
    fn functions_keep_their_bounds_before_rounding() {
        use Function as F;
        let functions = [F::Identity, F::Gelu, F::GeluTanh, F::Relu, F::Silu, F::Tanh, F::Sigmoid];
        // The bias is the argument, so it is not rounded.
        let arguments: Vec<f32> =
            (-6000..6000).map(|i| i as f32 / 500.0).chain([1e30, -1e30, -50.0]).collect();
        let weight = vec![0.0; arguments.len()];
        for (function, isa) in functions.into_iter().flat_map(|f| [(f, Isa::PORTABLE), (f, Isa::detect())]) {
            let linear = Bf16Linear::new(isa, &weight, &arguments, 1).unwrap();
            let mut y = TileRows::new();
            y.reset(1, arguments.len()).unwrap();
            linear.apply(tiles(isa, 1, &[0.0]).view(), Output::Tiles(function, &mut y)).unwrap();
            let mut expected = arguments.clone();
            function.apply(&mut expected);
            for (column, expected) in expected.into_iter().enumerate() {
                let got = y.get(0, column);
                let bound = 2e-4 * expected.abs().max(1.0) + expected.abs() / 256.0;
                assert!((got - expected).abs() <= bound, "{function:?}({}) = {got}", arguments[column]);
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_in_its_row() {
        for isa in [Isa::PORTABLE, Isa::detect()] {
            let linear = Bf16Linear::new(isa, &[1.0; 3 * 40], &[], 40).unwrap();
            for (bad, expected) in [(f32::NAN, f32::NAN), (f32::INFINITY, f32::INFINITY)] {
                let mut x = vec![1.0; 2 * 40];
                x[7] = bad;
                let mut y = [0.0; 6];
                linear.apply(tiles(isa, 40, &x).view(), Output::Rows(&mut y)).unwrap();
                assert!(
                    y[..3].iter().all(|y| y.to_bits() == expected.to_bits() || y.is_nan() && bad.is_nan())
                );
                assert_eq!(y[3..], [40.0; 3]);
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let isa = Isa::detect();
        assert!(Bf16Linear::new(isa, &[0.0; 6], &[], 4).is_none());
        assert!(Bf16Linear::new(isa, &[0.0; 6], &[0.0], 2).is_none());
        assert!(Bf16Linear::new(isa, &[], &[], 2).is_none() && Bf16Linear::new(isa, &[], &[], 0).is_none());
        assert!(Bf16Gated::new(isa, [(&[0.0; 6], &[]), (&[0.0; 4], &[])], 2).is_none());
        let linear = Bf16Linear::new(isa, &[0.0; 6], &[], 2).unwrap();
        let (good, bad) = (tiles(isa, 2, &[0.0; 2]), tiles(isa, 3, &[0.0; 3]));
        assert!(linear.apply(bad.view(), Output::Rows(&mut [0.0; 3])).is_err());
        let mut y = TileRows::new();
        y.reset(1, 2).unwrap();
        assert!(linear.apply(good.view(), Output::Tiles(Function::Relu, &mut y)).is_err());
        linear.apply(good.view(), Output::Rows(&mut [0.0; 2])).unwrap();
    }
}
