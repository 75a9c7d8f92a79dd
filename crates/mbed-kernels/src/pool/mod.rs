//! From the hidden states of a span of tokens to one vector.
//!
//! `states` is `tokens × columns`, row-major; `output` is `columns` long. A span without tokens gives zeros.
//! Definitions as in sentence-transformers 6.2, `Pooling`.

use pulp::{Arch, Simd, WithSimd};

/// The first token's state.
pub fn first(states: &[f32], output: &mut [f32]) {
    copy_or_zero(states.get(..output.len()), output);
}

/// The last token's state.
pub fn last(states: &[f32], output: &mut [f32]) {
    let start = states.len().checked_sub(output.len());
    copy_or_zero(start.and_then(|start| states.get(start..)), output);
}

/// The mean of the states.
pub fn mean(states: &[f32], output: &mut [f32]) {
    let count = sum_into(states, output, |_| 1.0);
    divide(output, count.max(1e-9));
}

/// The sum of the states divided by the root of their number.
pub fn mean_sqrt_length(states: &[f32], output: &mut [f32]) {
    let count = sum_into(states, output, |_| 1.0);
    divide(output, count.max(1e-9).sqrt());
}

/// The mean of the states weighted by position, where the span's first token has position `first` (from 1).
pub fn weighted_mean(states: &[f32], first: usize, output: &mut [f32]) {
    let weights = sum_into(states, output, |index| (first + index) as f32);
    divide(output, weights.max(1e-9));
}

/// The largest value of each column.
pub fn max(states: &[f32], output: &mut [f32]) {
    first(states, output);
    Arch::new().dispatch(Largest { states, output });
}

/// A struct and not a closure: see `activation::Map`.
struct Largest<'a> {
    states: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Largest<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for state in self.states.chunks_exact(self.output.len().max(1)) {
            for (largest, &value) in self.output.iter_mut().zip(state) {
                *largest = if value > *largest { value } else { *largest };
            }
        }
    }
}

/// Adds up the weighted states and gives the sum of the weights.
fn sum_into(states: &[f32], output: &mut [f32], weight: impl Fn(usize) -> f32) -> f32 {
    output.fill(0.0);
    Arch::new().dispatch(WeightedSum { states, output, weight })
}

struct WeightedSum<'a, F> {
    states: &'a [f32],
    output: &'a mut [f32],
    weight: F,
}

impl<F: Fn(usize) -> f32> WithSimd for WeightedSum<'_, F> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> f32 {
        let mut weights = 0.0;
        for (index, state) in self.states.chunks_exact(self.output.len().max(1)).enumerate() {
            let weight = (self.weight)(index);
            weights += weight;
            for (sum, &value) in self.output.iter_mut().zip(state) {
                *sum += value * weight;
            }
        }
        weights
    }
}

fn divide(values: &mut [f32], divisor: f32) {
    for value in values {
        *value /= divisor;
    }
}

fn copy_or_zero(state: Option<&[f32]>, output: &mut [f32]) {
    match state {
        Some(state) => output.copy_from_slice(state),
        None => output.fill(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [f32; 6] = [1.0, -5.0, 3.0, -7.0, 8.0, -9.0];

    #[test]
    fn poolings_of_three_tokens() {
        let check = |pool: &dyn Fn(&[f32], &mut [f32]), expected: [f32; 2]| {
            let mut output = [f32::NAN; 2];
            pool(&STATES, &mut output);
            assert_eq!(output, expected);
            pool(&[], &mut output);
            assert_eq!(output, [0.0; 2], "an empty span");
        };
        check(&first, [1.0, -5.0]);
        check(&last, [8.0, -9.0]);
        check(&mean, [4.0, -7.0]);
        check(&mean_sqrt_length, [12.0 / 3.0_f32.sqrt(), -21.0 / 3.0_f32.sqrt()]);
        check(&max, [8.0, -5.0]);
        // Positions 2, 3 and 4: (2 · 1 + 3 · 3 + 4 · 8) / 9 and so on.
        check(&|states, output| weighted_mean(states, 2, output), [43.0 / 9.0, -67.0 / 9.0]);
    }
}
