//! From vocabulary numbers to the first states.

use super::{Bias, Presence};

/// Token embedding times `scale`, plus embeddings of position and segment; then the norm; then the projection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EmbeddingSpec {
    /// Length of an embedding.
    pub width: usize,
    /// Rows of the segment embedding; 0 where there is none, and segments are not looked at.
    pub segments: usize,
    /// What token embeddings are multiplied by.
    pub scale: f32,
    /// Whether the sum is normalised.
    pub norm: Presence,
    /// The linear map from embeddings to states, where there is one, and whether it has a bias.
    pub projection: Option<Bias>,
}

impl EmbeddingSpec {
    /// Embeddings as long as states, with nothing done to them.
    #[must_use]
    pub const fn plain(width: usize) -> Self {
        Self { width, segments: 0, scale: 1.0, norm: Presence::Absent, projection: None }
    }
}
