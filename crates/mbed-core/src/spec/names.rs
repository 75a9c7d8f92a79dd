//! The canonical names of weights, which every family's own names are mapped to.

use std::fmt;

/// One tensor of a model, whatever its files call it. Linear weights are `[output, input]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TensorName {
    /// `[vocabulary, hidden]`
    TokenEmbedding,
    /// `[positions, hidden]`
    PositionEmbedding,
    /// `[segments, hidden]`
    SegmentEmbedding,
    /// The norm of the summed embeddings, `[hidden]`.
    EmbeddingNorm(Part),
    /// A tensor of one encoder layer.
    Layer(usize, LayerTensor, Part),
    /// A linear map of the head: the number of its stage in `HeadSpec::stages`.
    HeadDense(usize, Part),
}

/// A tensor of an encoder layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LayerTensor {
    /// `[heads · head_size, hidden]`
    Query,
    /// `[heads · head_size, hidden]`
    Key,
    /// `[heads · head_size, hidden]`
    Value,
    /// `[hidden, heads · head_size]`
    AttentionOutput,
    /// `[hidden]`
    AttentionNorm,
    /// `[intermediate, hidden]`
    Up,
    /// `[hidden, intermediate]`
    Down,
    /// `[hidden]`
    FeedForwardNorm,
}

/// Which of the two tensors of a linear map or a norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The matrix of a linear map, the scale of a norm.
    Weight,
    /// What is added.
    Bias,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
        })
    }
}

impl fmt::Display for LayerTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query => "attention.query",
            Self::Key => "attention.key",
            Self::Value => "attention.value",
            Self::AttentionOutput => "attention.output",
            Self::AttentionNorm => "attention.norm",
            Self::Up => "feed_forward.up",
            Self::Down => "feed_forward.down",
            Self::FeedForwardNorm => "feed_forward.norm",
        })
    }
}

impl fmt::Display for TensorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenEmbedding => f.write_str("embeddings.token.weight"),
            Self::PositionEmbedding => f.write_str("embeddings.position.weight"),
            Self::SegmentEmbedding => f.write_str("embeddings.segment.weight"),
            Self::EmbeddingNorm(part) => write!(f, "embeddings.norm.{part}"),
            Self::Layer(layer, tensor, part) => write!(f, "layers.{layer}.{tensor}.{part}"),
            Self::HeadDense(stage, part) => write!(f, "head.{stage}.dense.{part}"),
        }
    }
}
