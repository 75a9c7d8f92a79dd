//! How activations are kept in range.

use super::{Bias, Presence};

/// The norms of an encoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormSpec {
    /// What a norm computes.
    pub kind: NormKind,
    /// Added to the variance, or to the mean of squares, before its root.
    pub epsilon: f32,
    /// Whether a norm adds a shift.
    pub bias: Bias,
    /// Added to the stored scale: Gemma stores the scale's difference from 1.
    pub scale_offset: f32,
    /// Where in a layer norms stand.
    pub placement: NormPlacement,
    /// Whether the last layer's states are normalised once more.
    pub last: Presence,
}

impl NormSpec {
    /// LayerNorm with scale and shift after each residual sum, as BERT has it.
    #[must_use]
    pub const fn after(epsilon: f32) -> Self {
        Self {
            kind: NormKind::Layer,
            epsilon,
            bias: Bias::Added,
            scale_offset: 0.0,
            placement: NormPlacement::After,
            last: Presence::Absent,
        }
    }

    /// RMS norm before attention and feed-forward, and of the last states, as Llama has it.
    #[must_use]
    pub const fn before(epsilon: f32) -> Self {
        Self {
            kind: NormKind::Rms,
            epsilon,
            bias: Bias::Absent,
            scale_offset: 0.0,
            placement: NormPlacement::Before,
            last: Presence::Present,
        }
    }
}

/// What a norm computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NormKind {
    /// `scale · (x - mean) / √(variance + epsilon) + shift`
    Layer,
    /// `scale · x / √(mean of squares + epsilon)`
    Rms,
}

/// Where in a layer norms stand, at attention and at the feed-forward alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NormPlacement {
    /// `norm(x + f(x))`
    After,
    /// `x + f(norm(x))`
    Before,
    /// `x + norm₂(f(norm₁(x)))`
    Around,
}
