//! How a token knows where it stands.

/// How a token knows where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PositionSpec {
    /// A learned vector for each position, added to the token's embedding.
    Learned {
        /// Rows of the table.
        rows: usize,
        /// The row of a sequence's first token.
        first: usize,
    },
}

impl PositionSpec {
    /// The most tokens that a sequence may have.
    #[must_use]
    pub const fn max_tokens(&self) -> usize {
        match self {
            Self::Learned { rows, first } => rows.saturating_sub(*first),
        }
    }
}
