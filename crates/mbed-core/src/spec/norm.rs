//! How activations are kept in range.

/// LayerNorm with scale and shift, applied to the embeddings and after each residual sum (post-norm).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormSpec {
    /// Added to the variance before its root.
    pub epsilon: f32,
}
