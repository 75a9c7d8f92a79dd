//! What an open session can do: asked once, planned with ever after.

use crate::{DeviceId, Precision};

/// What an open session can do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The device that the session runs on.
    pub device: DeviceId,
    /// The maker's name for that device.
    pub device_name: String,
    /// The precision that it really runs in.
    pub precision: Precision,
    /// The length of each vector it returns.
    pub dimensions: usize,
    /// The most tokens that one sequence may have, special tokens included.
    pub max_tokens: usize,
    /// How the batch lies in memory while it is computed, which decides what a batch costs.
    pub layout: BatchLayout,
    /// What attention holds at a time.
    pub attention: AttentionMemory,
    /// Whether pooling spans other than the whole sequence are possible.
    pub spans: SpanSupport,
    /// How much a vector may depend on its neighbours.
    pub invariance: BatchInvariance,
}

impl Capabilities {
    /// The capabilities of a packed session that attends by blocks, honours spans and is exact to the bit in any batch; public
    /// fields change the rest.
    #[must_use]
    pub fn new(device: DeviceId, precision: Precision, dimensions: usize, max_tokens: usize) -> Self {
        Self {
            device_name: device.to_string(),
            device,
            precision,
            dimensions,
            max_tokens,
            layout: BatchLayout::Packed,
            attention: AttentionMemory::Blocks,
            spans: SpanSupport::Any,
            invariance: BatchInvariance::BitExact,
        }
    }
}

/// How a session lays a batch out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchLayout {
    /// Sequences one behind the other: a batch costs the sum of its lengths.
    Packed,
    /// Each sequence padded to the longest: a batch costs `sequences × longest`.
    Padded,
}

impl BatchLayout {
    /// How many token places a batch takes up that has `sequences` sequences, `tokens` tokens in all, and
    /// `longest` in its longest sequence.
    #[must_use]
    pub const fn places(self, sequences: usize, tokens: usize, longest: usize) -> usize {
        match self {
            Self::Packed => tokens,
            Self::Padded => sequences.saturating_mul(longest),
        }
    }
}

/// What attention holds at a time, which decides how a batch's memory grows with the length of its sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionMemory {
    /// Blocks of scores: memory grows with the tokens.
    Blocks,
    /// The scores of all heads of a batch: memory grows with the square of the length.
    Whole,
}

/// Which pooling spans a session accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanSupport {
    /// One row per sequence, pooled over the whole of it; anything else is refused.
    WholeSequence,
    /// Any ranges, several rows per sequence too.
    Any,
}

/// How much a text's vector may depend on what else is in its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchInvariance {
    /// Not at all: the same bits alone and in any batch.
    BitExact,
    /// Within the tolerance of the precision.
    WithinTolerance,
}
