//! Sums and products of two slices, value by value; what one slice has more than the other is left alone.

use pulp::{Arch, Simd, WithSimd};

/// `values += addend`
pub fn add(values: &mut [f32], addend: &[f32]) {
    Arch::new().dispatch(Zip { values, other: addend, join: |a, b| a + b });
}

/// `values *= factors`
pub fn multiply(values: &mut [f32], factors: &[f32]) {
    Arch::new().dispatch(Zip { values, other: factors, join: |a, b| a * b });
}

/// A struct and not a closure: see `activation::Map`.
struct Zip<'a, F> {
    values: &'a mut [f32],
    other: &'a [f32],
    join: F,
}

impl<F: Fn(f32, f32) -> f32> WithSimd for Zip<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for (value, &other) in self.values.iter_mut().zip(self.other) {
            *value = (self.join)(*value, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_meet_their_partners() {
        let mut values = [1.0, 2.0, 3.0];
        add(&mut values, &[10.0, 20.0, 30.0]);
        assert_eq!(values, [11.0, 22.0, 33.0]);
        multiply(&mut values, &[2.0, 0.5]);
        assert_eq!(values, [22.0, 11.0, 33.0]);
    }
}
