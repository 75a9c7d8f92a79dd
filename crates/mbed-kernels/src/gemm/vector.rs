//! A matrix times one vector.

use pulp::{Arch, Simd, WithSimd};

use crate::lanes;

/// `y = W x`, for one vector: `weight` is `y.len() × x.len()`, row-major; missing rows leave `y` as it is.
pub fn matrix_vector(weight: &[f32], x: &[f32], y: &mut [f32]) {
    if !x.is_empty() {
        Arch::new().dispatch(MatrixVector { weight, x, y });
    }
}

/// A struct and not a closure: see `activation::Map`.
struct MatrixVector<'a> {
    weight: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for MatrixVector<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
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
