//! Linear maps `y = W x + b`, applied to blocks of rows of a fixed height.

#[cfg(target_arch = "x86_64")]
use super::packed::Packed;
use super::{Keep, Matrix, MatrixMut, ShapeMismatch, multiply};
use crate::{Isa, lanes};

/// Rows of one product. Products always have this many rows, the last ones padded, because a matrix library takes
/// another path for other heights: so a row's arithmetic never depends on how many neighbours it has.
///
/// 64 reaches 85 to 95 % of the rate of 512 rows on the shapes of all-MiniLM-L6-v2 (AVX-512, one thread), and
/// keeps a lone short text from paying for more.
pub const ROW_BLOCK: usize = 64;

/// `rows` rounded up to whole blocks.
#[must_use]
pub const fn padded_rows(rows: usize) -> usize {
    rows.next_multiple_of(ROW_BLOCK)
}

/// A linear map with its weights in the order that products read them.
#[derive(Clone, Debug)]
pub struct Linear {
    weights: Stored,
    input: usize,
    output: usize,
}

/// Weights in the order of the path that is taken.
#[derive(Clone, Debug)]
enum Stored {
    /// For the `gemm` crate: `input × output`, row-major, the transpose of what model files hold; and the bias, empty
    /// where there is none.
    Transposed(Vec<f32>, Vec<f32>),
    #[cfg(target_arch = "x86_64")]
    Packed(Packed),
}

impl Linear {
    /// A map from `weight` (`output × input`, row-major) and `bias` (`output`, or empty for none), or `None` where
    /// the lengths do not fit.
    #[must_use]
    pub fn new(isa: Isa, weight: &[f32], bias: Vec<f32>, input: usize) -> Option<Self> {
        let output = weight.len().checked_div(input)?;
        let bias_fits = bias.is_empty() || bias.len() == output;
        if output == 0 || weight.len() != input * output || !bias_fits {
            return None;
        }
        Some(Self { weights: Stored::new(isa, weight, bias, (input, output)), input, output })
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

    /// How many bytes it holds.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        match &self.weights {
            Stored::Transposed(weight, bias) => (weight.capacity() + bias.capacity()) * size_of::<f32>(),
            #[cfg(target_arch = "x86_64")]
            Stored::Packed(packed) => packed.bytes(),
        }
    }

    /// Maps one block: `x` is `ROW_BLOCK × input`, `y` is `ROW_BLOCK × output`.
    ///
    /// # Errors
    /// A slice is too short.
    pub fn apply_block(&self, x: &[f32], y: &mut [f32]) -> Result<(), ShapeMismatch> {
        match &self.weights {
            Stored::Transposed(weight, bias) => self.multiply(weight, bias, x, y),
            #[cfg(target_arch = "x86_64")]
            Stored::Packed(packed) => {
                match (x.get(..ROW_BLOCK * self.input), y.get_mut(..ROW_BLOCK * self.output)) {
                    (Some(x), Some(y)) => {
                        packed.apply(x, y);
                        Ok(())
                    }
                    _ => Err(ShapeMismatch {
                        left: (x.len() / self.input, self.input),
                        right: (self.input, self.output),
                        output: (ROW_BLOCK, self.output),
                    }),
                }
            }
        }
    }

    fn multiply(&self, weight: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) -> Result<(), ShapeMismatch> {
        let keep = if bias.is_empty() { Keep::Nothing } else { Keep::Sum };
        if keep == Keep::Sum {
            for row in y.chunks_exact_mut(self.output).take(ROW_BLOCK) {
                row.copy_from_slice(bias);
            }
        }
        let output = MatrixMut { data: y, rows: ROW_BLOCK, columns: self.output, row_stride: self.output };
        let left = Matrix {
            data: x,
            rows: ROW_BLOCK,
            columns: self.input,
            row_stride: self.input,
            column_stride: 1,
        };
        let right = Matrix {
            data: weight,
            rows: self.input,
            columns: self.output,
            row_stride: self.output,
            column_stride: 1,
        };
        multiply(output, keep, 1.0, left, right)
    }

    /// Maps as many whole blocks as `x` holds; `y` has as many rows.
    ///
    /// # Errors
    /// `y` is too short.
    pub fn apply(&self, x: &[f32], y: &mut [f32]) -> Result<(), ShapeMismatch> {
        let blocks = x.chunks_exact(ROW_BLOCK * self.input);
        for (x, y) in blocks.zip(y.chunks_mut(ROW_BLOCK * self.output)) {
            self.apply_block(x, y)?;
        }
        Ok(())
    }
}

impl Stored {
    fn new(isa: Isa, weight: &[f32], bias: Vec<f32>, (input, output): (usize, usize)) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(packed) = Packed::new(isa, weight, &bias, input, output) {
            return Self::Packed(packed);
        }
        let _ = isa;
        Self::Transposed(transpose(weight, output, input), bias)
    }
}

/// Turns `rows × columns` into `columns × rows`, in tiles so that both sides stay in the cache.
fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const TILE: usize = 16;
    let mut turned = vec![0.0; values.len()];
    for first in (0..rows).step_by(TILE) {
        for (column, place) in turned.chunks_exact_mut(rows).enumerate() {
            for (row, value) in place.iter_mut().enumerate().skip(first).take(TILE) {
                *value = values[row * columns + column];
            }
        }
    }
    turned
}

/// `y = W x`, for one vector: `weight` is `y.len() × x.len()`, row-major; missing rows leave `y` as it is.
pub fn matrix_vector(weight: &[f32], x: &[f32], y: &mut [f32]) {
    if !x.is_empty() {
        pulp::Arch::new().dispatch(MatrixVector { weight, x, y });
    }
}

/// A struct and not a closure: see `activation::Map`.
struct MatrixVector<'a> {
    weight: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
}

impl pulp::WithSimd for MatrixVector<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _simd: S) {
        for (row, value) in self.weight.chunks_exact(self.x.len()).zip(self.y.iter_mut()) {
            *value = lanes::dot(row, self.x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize, seed: usize) -> Vec<f32> {
        (0..length).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1000.0 - 1.0).collect()
    }

    #[test]
    fn rows_are_mapped_one_by_one_whatever_stands_beside_them() {
        let sizes = (1..=50).flat_map(|size| [(5, size), (size, 3)]);
        for (input, output) in sizes.chain([(48, 40), (384, 97), (131, 144)]) {
            for isa in [Isa::PORTABLE, Isa::detect()] {
                check_rows(isa, input, output);
            }
        }
    }

    fn check_rows(isa: Isa, input: usize, output: usize) {
        let (weight, bias) = (noise(input * output, 1), noise(output, 2));
        let linear = Linear::new(isa, &weight, bias.clone(), input).unwrap();
        let x = noise(2 * ROW_BLOCK * input, 3);
        let mut y = vec![f32::NAN; 2 * ROW_BLOCK * output];
        linear.apply(&x, &mut y).unwrap();
        let mut alone_x = vec![0.0; ROW_BLOCK * input];
        let mut alone_y = vec![0.0; ROW_BLOCK * output];
        for row in [0, 1, 63, 64, 100, 127] {
            let values = &x[row * input..(row + 1) * input];
            for (column, &added) in bias.iter().enumerate() {
                let weights = &weight[column * input..(column + 1) * input];
                let dot: f64 = values.iter().zip(weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                let got = f64::from(y[row * output + column]);
                assert!((got - dot - f64::from(added)).abs() < 1e-4, "{isa:?}, {input} to {output}");
            }
            alone_x[..input].copy_from_slice(values);
            linear.apply_block(&alone_x, &mut alone_y).unwrap();
            assert_eq!(alone_y[..output], y[row * output..(row + 1) * output], "row {row}");
        }
        let without_bias = Linear::new(isa, &weight, Vec::new(), input).unwrap();
        without_bias.apply_block(&x, &mut alone_y).unwrap();
        for (column, &added) in bias.iter().enumerate() {
            assert!((alone_y[column] + added - y[column]).abs() < 1e-4);
        }
        assert!(without_bias.apply_block(&x[..ROW_BLOCK * input - 1], &mut alone_y).is_err());
        assert!(without_bias.apply_block(&x, &mut alone_y[1..]).is_err());
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        for isa in [Isa::PORTABLE, Isa::detect()] {
            assert!(Linear::new(isa, &[0.0; 6], Vec::new(), 4).is_none());
            assert!(Linear::new(isa, &[0.0; 6], vec![0.0], 3).is_none());
            assert!(Linear::new(isa, &[0.0; 6], Vec::new(), 0).is_none());
        }
    }

    #[cfg(all(target_arch = "x86_64", unix))]
    #[test]
    fn packed_maps_stay_inside_their_slices_at_every_tail() {
        use crate::guarded::Guarded;
        for (rows, input, output) in
            (1..=100).flat_map(|size| [(3, size, 2), (size.min(20), 3, size), (9, size, size)])
        {
            let (x, weight) = (Guarded::of(&vec![0.5; rows * input]), vec![2.0; input * output]);
            let Some(packed) = Packed::new(Isa::detect(), &weight, &[], input, output) else { return };
            let mut y = Guarded::zeros(rows * output);
            packed.apply(x.values(), y.values_mut());
            assert!(y.values().iter().all(|&y| y == input as f32), "{rows} × {input} to {output}");
        }
    }

    #[test]
    fn a_matrix_times_a_vector() {
        let (weight, x) = (noise(5 * 33, 4), noise(33, 5));
        let mut y = [0.0; 5];
        matrix_vector(&weight, &x, &mut y);
        for (row, got) in y.iter().enumerate() {
            let truth: f64 = (0..33).map(|i| f64::from(weight[row * 33 + i]) * f64::from(x[i])).sum();
            assert!((f64::from(*got) - truth).abs() < 1e-5);
        }
    }
}
