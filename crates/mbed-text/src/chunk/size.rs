//! How long chunks are.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::TokenStarts;

/// How long chunks are at most, how much they share, and how that is counted.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// The most units of a chunk.
    pub most: NonZeroUsize,
    /// How many units a chunk shares with the one before it; less than `most`.
    pub overlap: usize,
    pub(super) measure: Measure,
}

/// What units are.
#[derive(Clone, Debug)]
pub(super) enum Measure {
    Characters,
    Words,
    Tokens(Arc<TokenStarts>),
}

impl Sizes {
    /// Chunks of `most` characters that share `overlap`, or `None` where that is not less.
    #[must_use]
    pub fn characters(most: NonZeroUsize, overlap: usize) -> Option<Self> {
        Self::new(most, overlap, Measure::Characters)
    }

    /// As [`Sizes::characters`], in words.
    #[must_use]
    pub fn words(most: NonZeroUsize, overlap: usize) -> Option<Self> {
        Self::new(most, overlap, Measure::Words)
    }

    /// As [`Sizes::characters`], in tokens.
    #[must_use]
    pub fn tokens(most: NonZeroUsize, overlap: usize, tokens: Arc<TokenStarts>) -> Option<Self> {
        Self::new(most, overlap, Measure::Tokens(tokens))
    }

    fn new(most: NonZeroUsize, overlap: usize, measure: Measure) -> Option<Self> {
        (overlap < most.get()).then_some(Self { most, overlap, measure })
    }

    /// The same units, with other numbers.
    pub(super) fn with(&self, most: NonZeroUsize, overlap: usize) -> Self {
        Self { most, overlap: overlap.min(most.get() - 1), measure: self.measure.clone() }
    }
}
