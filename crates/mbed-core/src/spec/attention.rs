//! How tokens look at each other.

use super::{Bias, Presence};

/// Multi-head attention: `softmax(scale · q kᵀ + score bias) v`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionSpec {
    /// Number of heads.
    pub heads: usize,
    /// Heads of keys and values, a divisor of `heads`: each serves `heads / key_value_heads` neighbouring heads of
    /// queries.
    pub key_value_heads: usize,
    /// Length of one head's queries, keys and values.
    pub head_size: usize,
    /// What products of queries and keys are multiplied by, mostly `1 / √head_size`.
    pub scale: f32,
    /// Whether queries, keys and values have a bias.
    pub input_bias: Bias,
    /// Whether the output has a bias.
    pub output_bias: Bias,
    /// Whether each head's queries and keys are normalised over `head_size`, before they are rotated.
    pub query_key_norm: Presence,
    /// What is added to scores.
    pub score_bias: ScoreBias,
}

impl AttentionSpec {
    /// Heads with biases, scaled by `1 / √head_size`, as BERT has them.
    #[must_use]
    pub fn plain(heads: usize, head_size: usize) -> Self {
        Self {
            heads,
            key_value_heads: heads,
            head_size,
            scale: 1.0 / (head_size as f32).sqrt(),
            input_bias: Bias::Added,
            output_bias: Bias::Added,
            query_key_norm: Presence::Absent,
            score_bias: ScoreBias::None,
        }
    }

    /// Length of all heads' queries together.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.heads * self.head_size
    }

    /// Length of all heads' keys together, and of all values.
    #[must_use]
    pub const fn key_value_width(&self) -> usize {
        self.key_value_heads * self.head_size
    }
}

/// What is added to scaled scores, by the distance of two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScoreBias {
    /// Nothing.
    None,
    /// Minus the distance times a slope of the head's own (ALiBi): see [`alibi_slopes`].
    Alibi,
    /// A learned number for each head and range of distances (T5, MPNet): see [`relative_bucket`].
    Buckets {
        /// Number of ranges, half of them for later tokens.
        buckets: usize,
        /// The distance from which on all are in the last range.
        max_distance: usize,
    },
}

/// The slopes of `heads` heads.
///
/// For `n` a power of two they are `2^(-8 k / n)`, `k` from 1 to `n`; other numbers take those of the power below
/// and then every second one of the power above (Press, Smith, Lewis: Train Short, Test Long, 2022, and its
/// published code).
#[must_use]
pub fn alibi_slopes(heads: usize) -> Vec<f32> {
    let below = if heads.is_power_of_two() { heads } else { heads.next_power_of_two() / 2 };
    let slopes = |count: usize| (1..=count).map(move |k| (-8.0 * k as f64 / count as f64).exp2() as f32);
    slopes(below).chain(slopes(2 * below).step_by(2)).take(heads).collect()
}

/// The range that the distance from a query to a key falls into, below `buckets`.
///
/// Half of the ranges are for keys behind the query. Of each half, half hold one distance each; the others grow
/// logarithmically up to `max_distance` (Raffel et al.: Exploring the Limits of Transfer Learning, 2020, and its
/// published code, whose logarithms are binary32).
#[must_use]
pub fn relative_bucket(query: usize, key: usize, buckets: usize, max_distance: usize) -> usize {
    let half = buckets / 2;
    let first = if key > query { half } else { 0 };
    let distance = query.abs_diff(key);
    let exact = half / 2;
    if distance < exact {
        return first + distance;
    }
    let growth = (distance as f32 / exact as f32).ln() / (max_distance as f32 / exact as f32).ln();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and small")]
    let further = (growth * (half - exact) as f32) as usize;
    first + (exact + further).min(half - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_halve_by_octaves() {
        assert_eq!(
            alibi_slopes(8),
            [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015_625, 0.007_812_5, 0.003_906_25]
        );
        let twelve = alibi_slopes(12);
        assert_eq!(twelve[..8], alibi_slopes(8));
        // Every second of 16: 2^(-1/2), 2^(-3/2), ...
        for (slope, power) in twelve[8..].iter().zip([-0.5_f32, -1.5, -2.5, -3.5]) {
            assert!((slope - power.exp2()).abs() < 1e-7);
        }
    }

    #[test]
    fn buckets_are_exact_near_and_wide_far_away() {
        let bucket = |query, key| relative_bucket(query, key, 32, 128);
        assert_eq!(
            [bucket(5, 5), bucket(5, 4), bucket(5, 6), bucket(12, 5), bucket(5, 12)],
            [0, 1, 17, 7, 23]
        );
        // From 8 on: 8 + floor(8 · ln(d / 8) / ln(16)).
        assert_eq!([bucket(8, 0), bucket(11, 0), bucket(12, 0), bucket(16, 0)], [8, 8, 9, 10]);
        assert_eq!([bucket(127, 0), bucket(128, 0), bucket(0, 5000)], [15, 15, 31]);
    }
}
