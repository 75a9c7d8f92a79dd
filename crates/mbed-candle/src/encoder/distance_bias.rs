//! What is added to scores by the distance of two tokens.

use candle_core::{Device, Result, Tensor};
use mbed_core::spec::{EncoderSpec, ScoreBias, alibi_slopes, relative_bucket};
use mbed_core::{TensorName, Weights};

use crate::convert::load;
use crate::errors::{OpenResult, failed, unsupported};

/// The score bias that all layers share.
pub(super) enum DistanceBias {
    None,
    /// Minus the slope of each head, `heads × 1 × 1`.
    Slopes(Tensor),
    /// A number for each range of distances and each head, `buckets × heads`.
    Buckets {
        table: Tensor,
        buckets: usize,
        max_distance: usize,
    },
}

impl DistanceBias {
    /// # Errors
    /// The table is missing, or the kind is one that is not computed here.
    pub(super) fn load(spec: &EncoderSpec, weights: &Weights) -> OpenResult<Self> {
        if spec.layers.is_empty() {
            return Ok(Self::None);
        }
        let heads = spec.attention.heads;
        match spec.attention.score_bias {
            ScoreBias::None => Ok(Self::None),
            ScoreBias::Alibi => {
                let slopes = alibi_slopes(heads).into_iter().map(|slope| -slope).collect();
                Ok(Self::Slopes(Tensor::from_vec(slopes, (heads, 1, 1), &Device::Cpu).map_err(failed)?))
            }
            ScoreBias::Buckets { buckets, max_distance } => {
                let table = load(weights, TensorName::ScoreBias)?;
                Ok(Self::Buckets { table, buckets, max_distance })
            }
            other => Err(unsupported(format!("it has no score bias `{other:?}`"))),
        }
    }

    /// What is added to the scores of a sequence, `heads × length × length`, where anything is.
    pub(super) fn tensor(&self, length: usize) -> Result<Option<Tensor>> {
        match self {
            Self::None => Ok(None),
            Self::Slopes(slopes) => {
                let distance = |query: usize, key: usize| query.abs_diff(key) as f32;
                slopes.broadcast_mul(&by_pair(length, distance)?).map(Some)
            }
            Self::Buckets { table, buckets, max_distance } => {
                let bucket = |query, key| relative_bucket(query, key, *buckets, *max_distance) as u32;
                let buckets = by_pair(length, bucket)?.flatten_all()?;
                let by_pair = table.index_select(&buckets, 0)?.reshape((length, length, ()))?;
                by_pair.permute((2, 0, 1))?.contiguous().map(Some)
            }
        }
    }
}

/// A value for each pair of a query's and a key's position: `length × length`, a row for each query.
pub(super) fn by_pair<V: candle_core::WithDType>(
    length: usize,
    value: impl Fn(usize, usize) -> V,
) -> Result<Tensor> {
    let row = |query| {
        let value = &value;
        (0..length).map(move |key| value(query, key))
    };
    Tensor::from_iter((0..length).flat_map(row), &Device::Cpu)?.reshape((length, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alibi_takes_slope_times_distance_away() {
        let slopes = Tensor::new(&[[[-0.5_f32]], [[-0.25]]], &Device::Cpu).unwrap();
        let bias = DistanceBias::Slopes(slopes).tensor(3).unwrap().unwrap().to_vec3::<f32>().unwrap();
        assert_eq!(bias[0], [[0.0, -0.5, -1.0], [-0.5, 0.0, -0.5], [-1.0, -0.5, 0.0]]);
        assert_eq!(bias[1], [[0.0, -0.25, -0.5], [-0.25, 0.0, -0.25], [-0.5, -0.25, 0.0]]);
    }

    #[test]
    fn buckets_tell_behind_from_ahead() {
        // Four ranges: this token, behind it, a token that is no distance ahead (never), ahead. Heads 0 and 1.
        let table = Tensor::new(&[[0.0_f32, 9.0], [1.0, 8.0], [2.0, 7.0], [3.0, 6.0]], &Device::Cpu).unwrap();
        let bias = DistanceBias::Buckets { table, buckets: 4, max_distance: 8 };
        let bias = bias.tensor(3).unwrap().unwrap().to_vec3::<f32>().unwrap();
        assert_eq!(bias[0], [[0.0, 3.0, 3.0], [1.0, 0.0, 3.0], [1.0, 1.0, 0.0]]);
        assert_eq!(bias[1], [[9.0, 6.0, 6.0], [8.0, 9.0, 6.0], [8.0, 8.0, 9.0]]);
    }
}
