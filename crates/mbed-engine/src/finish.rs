//! What happens to vectors after the model.

use std::num::NonZeroUsize;

use mbed_core::Embeddings;

/// What happens to vectors after the model: shortened, and scaled again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finish {
    /// Keep only so many of the first dimensions.
    pub dimensions: Option<NonZeroUsize>,
    /// What happens to the length of a vector that was shortened.
    pub rescale: Rescale,
}

/// What happens to the length of a vector that was shortened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rescale {
    /// It stays as it is.
    #[default]
    Keep,
    /// It becomes 1 again.
    ToUnitLength,
}

impl Finish {
    /// How long vectors are that come out, where the model's are `available` long.
    pub(crate) fn dimensions(self, available: usize) -> usize {
        self.dimensions.map_or(available, NonZeroUsize::get).min(available)
    }

    /// Copies `vector` into `place`, which may be shorter.
    pub(crate) fn apply(self, vector: &[f32], place: &mut [f32]) {
        let kept = place.len().min(vector.len());
        place[..kept].copy_from_slice(&vector[..kept]);
        if kept == vector.len() || self.rescale == Rescale::Keep {
            return;
        }
        // In binary64: a Matryoshka vector may keep little of its length.
        let length = place.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt();
        let length = length.max(1e-12);
        for value in place {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "rounding to the output's precision is meant"
            )]
            let scaled = (f64::from(*value) / length) as f32;
            *value = scaled;
        }
    }
}

/// Puts the vectors of a batch at their rows of a window.
pub(crate) fn scatter(finish: Finish, batch: &Embeddings, rows: &[usize], window: &mut Embeddings) {
    for (vector, &row) in batch.iter().zip(rows) {
        if let Some(place) = window.get_mut(row) {
            finish.apply(vector, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortened_vectors_are_scaled_again_where_that_is_asked() {
        let check = |kept: usize, rescale, expected: &[f32]| {
            let finish = Finish { dimensions: NonZeroUsize::new(kept), rescale };
            let mut place = vec![0.0; finish.dimensions(4)];
            finish.apply(&[0.3, 0.4, 0.5, 0.7], &mut place);
            assert_eq!(place, expected);
        };
        check(2, Rescale::ToUnitLength, &[0.6, 0.8]);
        check(2, Rescale::Keep, &[0.3, 0.4]);
        check(4, Rescale::ToUnitLength, &[0.3, 0.4, 0.5, 0.7]);
    }
}
