//! Numbers that follow from positions alone, kept between batches and made longer when a longer sequence comes.

use mbed_core::BackendError;
use mbed_core::spec::{AttentionSpec, RotarySpec, ScoreBias, alibi_slopes, relative_bucket};
use mbed_kernels::attention::DistanceBias;

use crate::failure;

/// Cosines and sines of one rotation, `positions × pairs` each.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    cosines: Vec<f32>,
    sines: Vec<f32>,
    positions: usize,
}

impl Turns {
    /// Makes the table reach `length` positions.
    pub(crate) fn reach(&mut self, spec: &RotarySpec, length: usize) -> Result<(), BackendError> {
        let more = length.saturating_sub(self.positions).saturating_mul(spec.size().div_ceil(2));
        failure::reserve(&mut self.cosines, more)?;
        failure::reserve(&mut self.sines, more)?;
        for position in self.positions..length {
            for (cosine, sine) in spec.turns(position) {
                self.cosines.push(cosine);
                self.sines.push(sine);
            }
        }
        self.positions = self.positions.max(length);
        Ok(())
    }

    /// Cosines and sines at a position.
    pub(crate) fn at(&self, position: usize) -> (&[f32], &[f32]) {
        let pairs = self.cosines.len() / self.positions.max(1);
        let range = position * pairs..(position + 1) * pairs;
        let cosines = self.cosines.get(range.clone()).unwrap_or_default();
        (cosines, self.sines.get(range).unwrap_or_default())
    }

    pub(crate) fn bytes(&self) -> usize {
        (self.cosines.capacity() + self.sines.capacity()) * size_of::<f32>()
    }
}

/// What is added to scores by distance, for sequences up to some length.
#[derive(Debug, Default)]
pub(crate) struct Distances {
    /// `heads × (2 · longest - 1)`
    values: Vec<f32>,
    longest: usize,
}

impl Distances {
    /// Makes the table reach sequences of `length`. `learned` are the model's own numbers, `buckets × heads`.
    pub(crate) fn reach(
        &mut self,
        spec: &AttentionSpec,
        learned: &[f32],
        length: usize,
    ) -> Result<(), BackendError> {
        if spec.score_bias == ScoreBias::None || length <= self.longest {
            return Ok(());
        }
        // Until all is there, the table reaches nowhere.
        self.longest = 0;
        self.values.clear();
        failure::reserve(&mut self.values, spec.heads.saturating_mul(2 * length))?;
        self.longest = length;
        let slopes = alibi_slopes(spec.heads);
        for (head, slope) in slopes.iter().enumerate() {
            for column in 1..2 * length {
                // The distance is `column - length`: keys before the query come first.
                let (query, key) = (length.saturating_sub(column), column.saturating_sub(length));
                self.values.push(match spec.score_bias {
                    ScoreBias::Alibi => -slope * query.abs_diff(key) as f32,
                    ScoreBias::Buckets { buckets, max_distance } => {
                        let bucket = relative_bucket(query, key, buckets, max_distance);
                        learned.get(bucket * spec.heads + head).copied().unwrap_or_default()
                    }
                    _ => 0.0,
                });
            }
        }
        Ok(())
    }

    pub(crate) fn bias(&self) -> Option<DistanceBias<'_>> {
        (self.longest > 0).then_some(DistanceBias { values: &self.values, longest: self.longest })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use mbed_core::spec::RotaryPairing;

    use super::*;

    #[test]
    fn turns_stay_as_they_are_when_the_table_grows() {
        let spec = RotarySpec::new(10_000.0, 6, RotaryPairing::Halves);
        let mut turns = Turns::default();
        turns.reach(&spec, 2).unwrap();
        let before = (turns.at(1).0.to_vec(), turns.at(1).1.to_vec());
        turns.reach(&spec, 9).unwrap();
        assert_eq!((turns.at(1).0, turns.at(1).1), (&*before.0, &*before.1));
        let (cosines, sines) = turns.at(8);
        for (pair, (cosine, sine)) in cosines.iter().zip(sines).enumerate() {
            let angle = 8.0 * 10_000_f64.powf(-(pair as f64) / 3.0);
            assert!((f64::from(*cosine) - angle.cos()).abs() < 1e-6);
            assert!((f64::from(*sine) - angle.sin()).abs() < 1e-6);
        }
        assert_eq!((cosines.len(), turns.at(9).0.len()), (3, 0));
    }

    #[test]
    fn distances_are_counted_from_the_query() {
        let mut distances = Distances::default();
        let mut spec = AttentionSpec::plain(2, 4);
        distances.reach(&spec, &[], 3).unwrap();
        assert!(distances.bias().is_none());
        spec.score_bias = ScoreBias::Alibi;
        distances.reach(&spec, &[], 3).unwrap();
        let (half, tiny) = (0.0625_f32, 0.003_906_25_f32);
        let expected =
            [-2.0 * half, -half, 0.0, -half, -2.0 * half, -2.0 * tiny, -tiny, 0.0, -tiny, -2.0 * tiny];
        assert_eq!(distances.bias().unwrap().values, expected);
        spec.score_bias = ScoreBias::Buckets { buckets: 4, max_distance: 8 };
        let mut distances = Distances::default();
        // Of four buckets 0 is the same place, 1 all before, 3 all after; 2 is never used.
        distances.reach(&spec, &[0.0, 10.0, 1.0, 11.0, 2.0, 12.0, 3.0, 13.0], 2).unwrap();
        assert_eq!(distances.bias().unwrap().values, [1.0, 0.0, 3.0, 11.0, 10.0, 13.0]);
    }
}
