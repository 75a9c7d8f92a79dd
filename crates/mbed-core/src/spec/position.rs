//! How a token knows where it stands.

/// What is added to a token's embedding for its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PositionSpec {
    /// A learned vector for each position.
    Learned {
        /// Rows of the table.
        rows: usize,
        /// The row of a sequence's first token.
        first: usize,
        /// A token that is not counted, should a text spell it: it takes the row before `first`, and those behind it
        /// close up. RoBERTa and its relatives treat their padding token so.
        uncounted: Option<u32>,
    },
    /// Nothing: attention tells positions apart, or nothing does.
    NotAdded {
        /// The most tokens that a sequence may have.
        max_tokens: usize,
    },
}

impl PositionSpec {
    /// One row for each position, from the first on.
    #[must_use]
    pub const fn learned(rows: usize) -> Self {
        Self::Learned { rows, first: 0, uncounted: None }
    }

    /// The row of the table for each of a sequence's tokens; nothing where there is no table.
    pub fn rows_of(&self, ids: &[u32]) -> impl Iterator<Item = usize> {
        let (first, uncounted, count) = match *self {
            Self::Learned { first, uncounted, .. } => (first, uncounted, ids.len()),
            Self::NotAdded { .. } => (0, None, 0),
        };
        let mut next = first;
        ids.iter().take(count).map(move |&id| {
            if uncounted == Some(id) {
                return first.saturating_sub(1);
            }
            next += 1;
            next - 1
        })
    }

    /// The most tokens that a sequence may have.
    #[must_use]
    pub const fn max_tokens(&self) -> usize {
        match self {
            Self::Learned { rows, first, .. } => rows.saturating_sub(*first),
            Self::NotAdded { max_tokens } => *max_tokens,
        }
    }
}

/// Rotation of queries and keys by angles that grow with the position (Su et al.: RoFormer, 2021).
#[derive(Clone, Debug, PartialEq)]
pub struct RotarySpec {
    /// For each pair of values the angle in radians from one position to the next. Values of a head that are in no
    /// pair stay as they are.
    pub frequencies: Vec<f32>,
    /// Which values make a pair.
    pub pairing: RotaryPairing,
}

impl RotarySpec {
    /// `base^(-2 i / size)` for the pairs of the first `size` values of a head.
    #[must_use]
    pub fn new(base: f64, size: usize, pairing: RotaryPairing) -> Self {
        let frequency = |pair: usize| base.powf(-2.0 * pair as f64 / size as f64) as f32;
        Self { frequencies: (0..size / 2).map(frequency).collect(), pairing }
    }

    /// How many values of a head are rotated.
    #[must_use]
    pub const fn size(&self) -> usize {
        2 * self.frequencies.len()
    }

    /// Cosines and sines of a position's angles, one a pair. The angle is rounded to binary32 first, as the models'
    /// own code does.
    pub fn turns(&self, position: usize) -> impl Iterator<Item = (f32, f32)> {
        let angle = move |frequency: &f32| f64::from(position as f32 * frequency);
        self.frequencies.iter().map(angle).map(|angle| (angle.cos() as f32, angle.sin() as f32))
    }
}

/// Which values of a head are rotated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotaryPairing {
    /// Value `i` of the first half and value `i` of the second.
    Halves,
    /// Values `2 i` and `2 i + 1`.
    Neighbours,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uncounted_token_takes_no_place() {
        let spec = PositionSpec::Learned { rows: 10, first: 2, uncounted: Some(1) };
        assert_eq!(spec.rows_of(&[0, 1, 7, 1, 1, 5]).collect::<Vec<_>>(), [2, 1, 3, 1, 1, 4]);
        assert_eq!(PositionSpec::learned(10).rows_of(&[4, 1]).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(PositionSpec::NotAdded { max_tokens: 9 }.rows_of(&[4, 1]).count(), 0);
    }
}
