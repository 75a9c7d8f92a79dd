//! How tokens look at each other.

/// Bidirectional multi-head attention with biases, scores scaled by `1 / sqrt(head_size)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionSpec {
    /// Number of heads.
    pub heads: usize,
    /// Length of one head's queries, keys and values.
    pub head_size: usize,
}

impl AttentionSpec {
    /// Length of all heads' queries together.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.heads * self.head_size
    }
}
