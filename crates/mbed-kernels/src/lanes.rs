//! Sums over fixed lanes, so that they vectorise and always add in the same order.

/// Partial results that every reduction keeps: one AVX-512 register of `f32`.
pub const LANES: usize = 16;

/// Chains of additions side by side: as many as the cycles that one takes.
const CHAINS: usize = 4;

#[inline(always)]
pub(crate) fn sum(values: &[f32]) -> f32 {
    fold(values, 0.0, |value| value, |a, b| a + b)
}

#[inline(always)]
pub(crate) fn sum_of_squares(values: &[f32], shift: f32) -> f32 {
    fold(values, 0.0, |value| (value - shift) * (value - shift), |a, b| a + b)
}

#[inline(always)]
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut partial = [0.0_f32; LANES];
    let (left_chunks, left_rest) = left.as_chunks::<LANES>();
    let (right_chunks, right_rest) = right.as_chunks::<LANES>();
    for (a, b) in left_chunks.iter().zip(right_chunks) {
        for lane in 0..LANES {
            partial[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in left_rest.iter().zip(right_rest).enumerate() {
        partial[lane % LANES] += a * b;
    }
    combine(partial, |a, b| a + b)
}

/// Four chunks at a time, so that an addition does not wait for the one before.
#[inline(always)]
fn fold(values: &[f32], start: f32, each: impl Fn(f32) -> f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut partial = [[start; LANES]; CHAINS];
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (groups, single) = chunks.as_chunks::<CHAINS>();
    for group in groups {
        for (partial, chunk) in partial.iter_mut().zip(group) {
            for lane in 0..LANES {
                partial[lane] = join(partial[lane], each(chunk[lane]));
            }
        }
    }
    for (partial, chunk) in partial.iter_mut().zip(single) {
        for lane in 0..LANES {
            partial[lane] = join(partial[lane], each(chunk[lane]));
        }
    }
    let [mut first, second, third, fourth] = partial;
    for lane in 0..LANES {
        first[lane] = join(join(first[lane], second[lane]), join(third[lane], fourth[lane]));
    }
    for (lane, &value) in rest.iter().enumerate() {
        first[lane] = join(first[lane], each(value));
    }
    combine(first, join)
}

#[inline(always)]
fn combine(mut partial: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            partial[lane] = join(partial[lane], partial[lane + width]);
        }
        width /= 2;
    }
    partial[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reductions_see_every_value_at_every_length() {
        for length in 0..200_usize {
            let values: Vec<f32> = (0..length).map(|i| (i * 37 % 19) as f32 - 9.0).collect();
            let ones = vec![1.0; length];
            assert_eq!(sum(&values), values.iter().sum::<f32>(), "length {length}");
            assert_eq!(dot(&values, &ones), values.iter().sum::<f32>(), "length {length}");
            let squares: f32 = values.iter().map(|value| (value - 2.0) * (value - 2.0)).sum();
            assert_eq!(sum_of_squares(&values, 2.0), squares, "length {length}");
        }
    }
}
