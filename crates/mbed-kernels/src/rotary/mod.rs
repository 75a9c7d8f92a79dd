//! Rotation of pairs of values by angles (rotary position embedding).

use pulp::{Arch, Simd, WithSimd};

/// Which values make a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Value `i` of the first half and value `i` of the second.
    Halves,
    /// Values `2 i` and `2 i + 1`.
    Neighbours,
}

/// Rotates each head of a row: `(a, b)` becomes `(a cos - b sin, b cos + a sin)`.
///
/// `row` is `heads × head_size`; `cosines` and `sines` have one value a pair, at most `head_size / 2`. Values behind
/// the last pair stay as they are.
pub fn rotate(row: &mut [f32], head_size: usize, pairing: Pairing, cosines: &[f32], sines: &[f32]) {
    if head_size >= 2 * cosines.len().max(1) {
        Arch::new().dispatch(Rotate { row, head_size, pairing, cosines, sines });
    }
}

/// A struct and not a closure: see `activation::Map`.
struct Rotate<'a> {
    row: &'a mut [f32],
    head_size: usize,
    pairing: Pairing,
    cosines: &'a [f32],
    sines: &'a [f32],
}

impl WithSimd for Rotate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let pairs = self.cosines.len();
        let turns = || self.cosines.iter().zip(self.sines);
        for head in self.row.chunks_exact_mut(self.head_size) {
            match self.pairing {
                Pairing::Halves => {
                    let (first, second) = head.split_at_mut(pairs);
                    for ((a, b), (cos, sin)) in first.iter_mut().zip(second).zip(turns()) {
                        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
                    }
                }
                Pairing::Neighbours => {
                    for (pair, (cos, sin)) in head.as_chunks_mut::<2>().0.iter_mut().zip(turns()) {
                        let [a, b] = *pair;
                        *pair = [a * cos - b * sin, b * cos + a * sin];
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_turn_and_the_rest_stays() {
        // A quarter turn of the first pair, a half turn of the second; the fifth value is in no pair.
        let (cosines, sines) = ([0.0, -1.0], [1.0, 0.0]);
        let check = |pairing, expected: [f32; 10]| {
            let mut row = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];
            rotate(&mut row, 5, pairing, &cosines, &sines);
            assert_eq!(row, expected);
        };
        check(Pairing::Halves, [-3.0, -2.0, 1.0, -4.0, 5.0, -8.0, -7.0, 6.0, -9.0, 10.0]);
        check(Pairing::Neighbours, [-2.0, 1.0, -3.0, -4.0, 5.0, -7.0, 6.0, -8.0, -9.0, 10.0]);
        let mut row = [1.0, 2.0];
        rotate(&mut row, 2, Pairing::Halves, &cosines, &sines);
        assert_eq!(row, [1.0, 2.0], "more pairs than a head has values");
    }
}
