//! Linear maps, in the number format of the graph's products.

use half::f16;
use mbed_core::spec::{Bias, Part};
use mbed_core::{TensorName, Weights};

use super::graph::{Graph, Value, Values};
use super::proto::{FLOAT, FLOAT16};
use crate::errors::OpenResult;

/// The number format of the products with weights. All else is computed in binary32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Products {
    /// binary32
    #[default]
    F32,
    /// binary16
    F16,
    /// Whole numbers of 8 bits: activations by a scale for each token, weights by one for each output.
    Int8(WeightRange, Operators),
}

/// Which operators a graph may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operators {
    /// Those of the standard.
    Standard,
    /// Those of ONNX Runtime too.
    OfOnnxRuntime,
}

/// The largest magnitude of a weight as a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WeightRange {
    /// 127
    Full,
    /// 64: processors with AVX2 and no VNNI add two products in 16 bits, and `2 · 255 · 64` is the most that fits.
    Reduced,
}

impl WeightRange {
    const fn largest(self) -> f32 {
        match self {
            Self::Full => 127.0,
            Self::Reduced => 64.0,
        }
    }
}

/// How large the results of a map may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// As far as is known binary16 holds them.
    Usual,
    /// More than binary16 holds: in binary16 only the weights are kept so.
    Large,
}

/// `W x + b` of the last dimension of `x`, with the tensors that `name` gives, in the graph's format.
pub(super) fn linear(
    graph: &mut Graph,
    weights: &Weights,
    x: &Value,
    name: impl Fn(Part) -> TensorName,
    (bias, extent): (Bias, Extent),
) -> OpenResult<Value> {
    let product = product(graph, weights, (x, extent), name(Part::Weight))?;
    if bias == Bias::Absent {
        return Ok(product);
    }
    let bias = graph.weight(weights, name(Part::Bias))?;
    Ok(graph.add(&product, &bias))
}

/// `W x` of the last dimension of `x`, in the graph's format.
pub(super) fn product(
    graph: &mut Graph,
    weights: &Weights,
    (x, extent): (&Value, Extent),
    name: TensorName,
) -> OpenResult<Value> {
    let matrix = Matrix::turned(weights, name)?;
    match graph.products {
        Products::F16 if matrix.fits_f16() => Ok(half_product(graph, (x, extent), name, &matrix)),
        Products::F32 | Products::F16 => {
            let matrix = graph.initializer(name.to_string(), matrix.shape(), Values::F32(matrix.values));
            Ok(graph.matmul(x, &matrix))
        }
        Products::Int8(range, operators) => {
            Ok(whole_product(graph, (x, operators), name, matrix.quantised(range)))
        }
    }
}

/// Factors are rounded to binary16; where the result may be too large for it, only the weights.
fn half_product(
    graph: &mut Graph,
    (x, extent): (&Value, Extent),
    name: TensorName,
    matrix: &Matrix,
) -> Value {
    let values = matrix.values.iter().map(|&value| f16::from_f32(value)).collect();
    let rounded = graph.initializer(name.to_string(), matrix.shape(), Values::F16(values));
    if extent == Extent::Large {
        let rounded = graph.cast(&rounded, FLOAT);
        return graph.matmul(x, &rounded);
    }
    let x = graph.cast(x, FLOAT16);
    let product = graph.matmul(&x, &rounded);
    graph.cast(&product, FLOAT)
}

/// Sums of whole numbers, each times what it is worth: by token and by output.
fn whole_product(
    graph: &mut Graph,
    (x, operators): (&Value, Operators),
    name: TensorName,
    matrix: QuantisedMatrix,
) -> Value {
    let x = graph.quantised(x);
    let outputs = matrix.scales.len();
    let shape = vec![(matrix.values.len() / outputs.max(1)) as i64, outputs as i64];
    let values = graph.initializer(format!("{name}.quantised"), shape, Values::I8(matrix.values));
    let scale = vec![outputs as i64];
    let scale = graph.initializer(format!("{name}.scale"), scale, Values::F32(matrix.scales));
    let product = match operators {
        Operators::Standard => {
            let product = graph.apply("MatMulInteger", &[&x.values, &values, &x.zero]);
            let product = graph.cast(&product, FLOAT);
            graph.mul(&product, &scale)
        }
        // One pass over the results instead of three.
        Operators::OfOnnxRuntime => {
            let one = graph.scalar(1.0);
            graph.apply_own("MatMulIntegerToFloat", &[&x.values, &values, &one, &scale, &x.zero])
        }
    };
    graph.mul(&product, &x.worth)
}

/// A matrix `inputs × outputs`.
struct Matrix {
    values: Vec<f32>,
    inputs: usize,
    outputs: usize,
}

/// A matrix `inputs × outputs` of whole numbers with a scale for each output.
#[derive(Debug, PartialEq)]
struct QuantisedMatrix {
    values: Vec<i8>,
    scales: Vec<f32>,
}

impl Matrix {
    /// The matrix called `name`, stored `output × input`.
    fn turned(weights: &Weights, name: TensorName) -> OpenResult<Self> {
        let tensor = weights.get(name)?;
        let (outputs, inputs) = match *tensor.shape() {
            [outputs, inputs] => (outputs, inputs),
            _ => (1, tensor.elements()),
        };
        let values = tensor.to_f32();
        let column = |column: usize| values.iter().skip(column).step_by(inputs.max(1)).copied();
        Ok(Self { values: (0..inputs).flat_map(column).collect(), inputs, outputs })
    }

    fn shape(&self) -> Vec<i64> {
        vec![self.inputs as i64, self.outputs as i64]
    }

    fn fits_f16(&self) -> bool {
        self.values.iter().all(|value| value.abs() <= f16::MAX.to_f32())
    }

    /// Symmetric around 0, by the largest magnitude of each output.
    fn quantised(&self, range: WeightRange) -> QuantisedMatrix {
        let mut largest = vec![0.0_f32; self.outputs];
        for row in self.values.chunks_exact(self.outputs.max(1)) {
            largest.iter_mut().zip(row).for_each(|(largest, value)| *largest = largest.max(value.abs()));
        }
        let scale = |largest: f32| if largest > 0.0 { largest / range.largest() } else { 1.0 };
        let scales: Vec<f32> = largest.into_iter().map(scale).collect();
        let rounded = |(value, scale): (&f32, &f32)| (value / scale).round_ties_even() as i8;
        let rows = self.values.chunks_exact(self.outputs.max(1));
        let values = rows.flat_map(|row| row.iter().zip(&scales).map(rounded)).collect();
        QuantisedMatrix { values, scales }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_output_is_quantised_by_its_own_largest_weight() {
        let matrix = Matrix { values: vec![1.0, -0.5, 0.0, -0.25, 4.0, 0.0], inputs: 2, outputs: 3 };
        let full = matrix.quantised(WeightRange::Full);
        assert_eq!(full.scales, [1.0 / 127.0, 4.0 / 127.0, 1.0]);
        assert_eq!(full.values, [127, -16, 0, -32, 127, 0]);
        assert_eq!(matrix.quantised(WeightRange::Reduced).values, [64, -8, 0, -16, 64, 0]);
    }

    #[test]
    fn weights_that_binary16_does_not_hold_are_told() {
        let check = |value: f32, fits| {
            assert_eq!(
                Matrix { values: vec![1.0, value], inputs: 2, outputs: 1 }.fits_f16(),
                fits,
                "{value}"
            );
        };
        check(-65504.0, true);
        check(65520.0, false);
    }
}
