//! LayerNorm, RMS norm and Euclidean normalising, row by row.

use pulp::{Arch, Simd, WithSimd};

use crate::{Isa, lanes};

/// A norm over rows of a fixed length, with a scale and perhaps a shift for each column.
#[derive(Clone, Debug)]
pub struct Norm {
    kind: NormKind,
    scale: Vec<f32>,
    /// Empty where nothing is added.
    shift: Vec<f32>,
    epsilon: f32,
}

/// What a norm computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// `scale · (x - mean) / √(variance + epsilon) + shift`, the variance without Bessel's correction.
    Layer,
    /// `scale · x / √(mean of squares + epsilon) + shift`
    Rms,
}

impl Norm {
    /// A norm over rows as long as `scale`, or `None` where `shift` has another length and is not empty, or there
    /// is no column.
    #[must_use]
    pub fn new(kind: NormKind, scale: Vec<f32>, shift: Vec<f32>, epsilon: f32) -> Option<Self> {
        let fits = !scale.is_empty() && (shift.is_empty() || shift.len() == scale.len());
        fits.then_some(Self { kind, scale, shift, epsilon })
    }

    pub(crate) const fn kind(&self) -> NormKind {
        self.kind
    }

    pub(crate) fn scale(&self) -> &[f32] {
        &self.scale
    }

    /// Empty where nothing is added.
    pub(crate) fn shift(&self) -> &[f32] {
        &self.shift
    }

    pub(crate) const fn epsilon(&self) -> f32 {
        self.epsilon
    }

    /// Normalises each row of `rows × columns` in place; a rest shorter than a row is left alone.
    pub fn apply(&self, values: &mut [f32]) {
        Arch::new().dispatch(Apply { norm: self, values });
    }

    /// As [`Norm::apply`], with the instructions of `isa`.
    pub fn apply_on(&self, isa: Isa, values: &mut [f32]) {
        isa.vectorize(Apply { norm: self, values });
    }

    #[inline(always)]
    fn apply_row(&self, row: &mut [f32]) {
        let count = row.len() as f32;
        let mean = match self.kind {
            NormKind::Layer => lanes::sum(row) / count,
            NormKind::Rms => 0.0,
        };
        let variance = lanes::sum_of_squares(row, mean) / count;
        let inverse = 1.0 / (variance + self.epsilon).sqrt();
        for (value, scale) in row.iter_mut().zip(&self.scale) {
            *value = (*value - mean) * inverse * scale;
        }
        for (value, shift) in row.iter_mut().zip(&self.shift) {
            *value += shift;
        }
    }
}

/// A struct and not a closure: see `activation::Map`.
struct Apply<'a> {
    norm: &'a Norm,
    values: &'a mut [f32],
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let columns = self.norm.scale.len();
        for row in self.values.chunks_exact_mut(columns) {
            self.norm.apply_row(row);
        }
    }
}

/// Divides by the Euclidean length, which is taken as at least 1e-12 as `torch.nn.functional.normalize` does.
pub fn scale_to_unit_length(row: &mut [f32]) {
    Arch::new().dispatch(ToUnitLength { row });
}

struct ToUnitLength<'a> {
    row: &'a mut [f32],
}

impl WithSimd for ToUnitLength<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let length = lanes::sum_of_squares(self.row, 0.0).sqrt().max(1e-12);
        for value in self.row {
            *value /= length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    /// What the formulas say of one row, in binary64.
    fn truth(kind: NormKind, x: &[f32], scale: &[f32], shift: &[f32], epsilon: f64) -> Vec<f64> {
        let count = x.len() as f64;
        let mean = match kind {
            NormKind::Layer => x.iter().map(|&v| f64::from(v)).sum::<f64>() / count,
            NormKind::Rms => 0.0,
        };
        let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
        let norm = |i: usize| (f64::from(x[i]) - mean) / (variance + epsilon).sqrt() * f64::from(scale[i]);
        (0..x.len()).map(|i| norm(i) + shift.get(i).map_or(0.0, |&shift| f64::from(shift))).collect()
    }

    #[test]
    fn norms_are_what_their_formulas_say() {
        for (kind, columns) in [NormKind::Layer, NormKind::Rms]
            .into_iter()
            .flat_map(|k| [1_usize, 3, 16, 17, 64, 100].map(|c| (k, c)))
        {
            let x: Vec<f32> = (0..columns).map(|i| ((i * 7919) % 23) as f32 / 3.0 - 4.0).collect();
            let scale: Vec<f32> = (0..columns).map(|i| 0.5 + i as f32 / 10.0).collect();
            for shift in [Vec::new(), (0..columns).map(|i| i as f32 - 3.0).collect()] {
                let norm = Norm::new(kind, scale.clone(), shift.clone(), 1e-3).unwrap();
                let mut once = x.clone();
                norm.apply(&mut once);
                for level in Level::ALL {
                    let mut on_level = x.clone();
                    norm.apply_on(Isa::detect().at_most(level), &mut on_level);
                    assert_eq!(once, on_level, "{level}");
                }
                for (i, expected) in truth(kind, &x, &scale, &shift, 1e-3).into_iter().enumerate() {
                    assert!(
                        (f64::from(once[i]) - expected).abs() < 2e-5,
                        "{kind:?}, column {i} of {columns}"
                    );
                }
            }
        }
        assert!(Norm::new(NormKind::Layer, vec![1.0], vec![1.0, 2.0], 0.0).is_none());
        assert!(Norm::new(NormKind::Rms, vec![], vec![], 0.0).is_none());
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
