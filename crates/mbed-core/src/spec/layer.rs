//! What may differ from layer to layer.

use std::ops::Range;
use std::sync::Arc;

use super::{Presence, RotarySpec};

/// One layer, as far as it may differ from the others.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSpec {
    /// The tokens that a token looks at.
    pub reach: Reach,
    /// How queries and keys are rotated, where they are.
    pub rotary: Option<Arc<RotarySpec>>,
    /// Whether there is a norm at attention, where [`NormPlacement`](super::NormPlacement) puts one.
    pub attention_norm: Presence,
}

impl LayerSpec {
    /// A layer in which every token looks at every token, and nothing is rotated.
    pub const PLAIN: Self = Self { reach: Reach::ALL, rotary: None, attention_norm: Presence::Present };
}

/// The tokens that a token looks at: itself and so many on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// How many before it.
    pub before: usize,
    /// How many after it.
    pub after: usize,
}

impl Reach {
    /// All tokens of the sequence.
    pub const ALL: Self = Self { before: usize::MAX, after: usize::MAX };
    /// Itself and all before it.
    pub const CAUSAL: Self = Self { before: usize::MAX, after: 0 };

    /// Itself and `distance` tokens on either side.
    #[must_use]
    pub const fn within(distance: usize) -> Self {
        Self { before: distance, after: distance }
    }

    /// The tokens that `token` of a sequence of `length` looks at.
    #[must_use]
    pub fn tokens(self, token: usize, length: usize) -> Range<usize> {
        token.saturating_sub(self.before)..token.saturating_add(self.after).saturating_add(1).min(length)
    }

    /// Whether every token of a sequence of `length` looks at all of it.
    #[must_use]
    pub const fn is_all(self, length: usize) -> bool {
        self.before.saturating_add(1) >= length && self.after.saturating_add(1) >= length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_stays_inside_of_the_sequence() {
        assert_eq!(Reach::ALL.tokens(3, 5), 0..5);
        assert_eq!(Reach::CAUSAL.tokens(3, 5), 0..4);
        assert_eq!(Reach::within(2).tokens(1, 5), 0..4);
        assert_eq!(Reach { before: 1, after: 0 }.tokens(4, 5), 3..5);
        assert!(Reach::within(4).is_all(5) && !Reach::within(3).is_all(5) && !Reach::CAUSAL.is_all(2));
    }
}
