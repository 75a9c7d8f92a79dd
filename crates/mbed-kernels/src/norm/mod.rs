//! LayerNorm and Euclidean normalising, row by row.

use pulp::{Arch, Simd, WithSimd};

use crate::lanes;

/// A LayerNorm: `scale · (x - mean) / √(variance + epsilon) + shift`, the variance without Bessel's correction.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    scale: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

impl LayerNorm {
    /// A norm over rows as long as `scale`, or `None` where `shift` has another length or there is no column.
    #[must_use]
    pub fn new(scale: Vec<f32>, shift: Vec<f32>, epsilon: f32) -> Option<Self> {
        (scale.len() == shift.len() && !scale.is_empty()).then_some(Self { scale, shift, epsilon })
    }

    /// Normalises each row of `rows × columns` in place; a rest shorter than a row is left alone.
    pub fn apply(&self, values: &mut [f32]) {
        Arch::new().dispatch(Apply { norm: self, values, addend: None });
    }

    /// `values = norm(values + addend)`, row by row; both `rows × columns`.
    pub fn apply_sum(&self, values: &mut [f32], addend: &[f32]) {
        Arch::new().dispatch(Apply { norm: self, values, addend: Some(addend) });
    }

    #[inline(always)]
    fn apply_row(&self, row: &mut [f32]) {
        let count = row.len() as f32;
        let mean = lanes::sum(row) / count;
        let variance = lanes::sum_of_squares(row, mean) / count;
        let inverse = 1.0 / (variance + self.epsilon).sqrt();
        for ((value, scale), shift) in row.iter_mut().zip(&self.scale).zip(&self.shift) {
            *value = (*value - mean) * inverse * scale + shift;
        }
    }
}

/// A struct and not a closure: see `activation::Map`.
struct Apply<'a> {
    norm: &'a LayerNorm,
    values: &'a mut [f32],
    addend: Option<&'a [f32]>,
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let columns = self.norm.scale.len();
        let rows = self.values.chunks_exact_mut(columns);
        match self.addend {
            None => {
                for row in rows {
                    self.norm.apply_row(row);
                }
            }
            Some(addend) => {
                for (row, other) in rows.zip(addend.chunks_exact(columns)) {
                    for (value, added) in row.iter_mut().zip(other) {
                        *value += added;
                    }
                    self.norm.apply_row(row);
                }
            }
        }
    }
}

/// Divides by the Euclidean length, which is taken as at least 1e-12 as `torch.nn.functional.normalize` does.
pub fn scale_to_unit_length(row: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let length = lanes::sum_of_squares(row, 0.0).sqrt().max(1e-12);
            for value in row.iter_mut() {
                *value /= length;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layer_norm_is_what_its_formula_says() {
        for columns in [1_usize, 3, 16, 17, 64, 100] {
            let x: Vec<f32> = (0..columns).map(|i| ((i * 7919) % 23) as f32 / 3.0 - 4.0).collect();
            let scale: Vec<f32> = (0..columns).map(|i| 0.5 + i as f32 / 10.0).collect();
            let shift: Vec<f32> = (0..columns).map(|i| i as f32 - 3.0).collect();
            let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / columns as f64;
            let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / columns as f64;
            let norm = LayerNorm::new(scale.clone(), shift.clone(), 1e-3).unwrap();
            let mut once = x.clone();
            norm.apply(&mut once);
            let mut sum = vec![0.0; columns];
            norm.apply_sum(&mut sum, &x);
            assert_eq!(once, sum);
            for i in 0..columns {
                let centred = (f64::from(x[i]) - mean) / (variance + 1e-3).sqrt();
                let truth = centred * f64::from(scale[i]) + f64::from(shift[i]);
                assert!((f64::from(once[i]) - truth).abs() < 2e-5, "column {i} of {columns}");
            }
        }
        assert!(LayerNorm::new(vec![1.0], vec![], 0.0).is_none());
    }

    #[test]
    fn unit_length_also_for_zeros() {
        let mut row = [3.0, 0.0, 4.0];
        scale_to_unit_length(&mut row);
        assert_eq!(row, [0.6, 0.0, 0.8]);
        let mut zeros = [0.0; 5];
        scale_to_unit_length(&mut zeros);
        assert_eq!(zeros, [0.0; 5]);
    }
}
