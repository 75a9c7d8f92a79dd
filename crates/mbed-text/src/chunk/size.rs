//! How long chunks are.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;

use super::TokenStarts;

/// A length of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many.
    pub amount: NonZeroUsize,
    /// Of what.
    pub unit: Unit,
}

/// What lengths of text are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Unicode scalar values.
    Characters,
    /// Words as Unicode Standard Annex 29 finds them, with what stands between them and the next.
    Words,
    /// Tokens of the model, special ones left out.
    Tokens,
}

/// A text that is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a size: a number of at least 1, and `c`, `w` or `t` for characters, words or tokens"
)]
pub struct UnknownSize {
    /// The text.
    pub text: String,
}

impl FromStr for Size {
    type Err = UnknownSize;

    /// Reads `800c`, `120w`, `256t`; without a letter the unit is characters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit) = match text.as_bytes().last() {
            Some(b'c') => (&text[..text.len() - 1], Unit::Characters),
            Some(b'w') => (&text[..text.len() - 1], Unit::Words),
            Some(b't') => (&text[..text.len() - 1], Unit::Tokens),
            _ => (text, Unit::Characters),
        };
        let amount = number.parse().map_err(|_other| UnknownSize { text: text.to_owned() })?;
        Ok(Self { amount, unit })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        let check = |text: &str, expected: Option<(usize, Unit)>| {
            let got = text.parse::<Size>().ok().map(|size| (size.amount.get(), size.unit));
            assert_eq!(got, expected, "{text:?}");
        };
        check("800c", Some((800, Unit::Characters)));
        check("800", Some((800, Unit::Characters)));
        check("12w", Some((12, Unit::Words)));
        check("256t", Some((256, Unit::Tokens)));
        for wrong in ["", "0", "0t", "c", "-1", "12x", "1.5w", "12 t", "é"] {
            check(wrong, None);
        }
    }
}
