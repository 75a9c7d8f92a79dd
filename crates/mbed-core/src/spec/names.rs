//! The canonical names of weights, which every family's own names are mapped to.

use std::fmt;

/// One tensor of a model, whatever its files call it. Linear weights are `[output, input]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TensorName {
    /// `[vocabulary, width]`
    TokenEmbedding,
    /// `[positions, width]`
    PositionEmbedding,
    /// `[segments, width]`
    SegmentEmbedding,
    /// The norm of the summed embeddings, `[width]`.
    EmbeddingNorm(Part),
    /// `[hidden, width]`
    EmbeddingProjection(Part),
    /// What is added to scores by range of distances, `[buckets, heads]`; all layers share it.
    ScoreBias,
    /// A tensor of one encoder layer.
    Layer(usize, LayerTensor, Part),
    /// The norm of the last layer's states, `[hidden]`.
    LastNorm(Part),
    /// A linear map of the head: the number of its stage in `HeadSpec::stages`.
    HeadDense(usize, Part),
    /// The matrix that makes a Dense stage's residual.
    HeadResidual(usize),
    /// A LayerNorm of the head.
    HeadNorm(usize, Part),
}

/// A tensor of an encoder layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LayerTensor {
    /// `[heads · head_size, hidden]`
    Query,
    /// `[key_value_heads · head_size, hidden]`
    Key,
    /// `[key_value_heads · head_size, hidden]`
    Value,
    /// The norm of one head's queries, `[head_size]`.
    QueryNorm,
    /// The norm of one head's keys, `[head_size]`.
    KeyNorm,
    /// `[hidden, heads · head_size]`
    AttentionOutput,
    /// The norm before attention, or after it where norms stand there only: `[hidden]`.
    AttentionNorm,
    /// The second norm where norms stand around attention: `[hidden]`.
    AttentionOutputNorm,
    /// `[intermediate, hidden]`
    Gate,
    /// `[intermediate, hidden]`
    Up,
    /// `[hidden, intermediate]`
    Down,
    /// The norm before the feed-forward, or after it where norms stand there only: `[hidden]`.
    FeedForwardNorm,
    /// The second norm where norms stand around the feed-forward: `[hidden]`.
    FeedForwardOutputNorm,
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
            Self::QueryNorm => "attention.query_norm",
            Self::KeyNorm => "attention.key_norm",
            Self::AttentionOutput => "attention.output",
            Self::AttentionNorm => "attention.norm",
            Self::AttentionOutputNorm => "attention.output_norm",
            Self::Gate => "feed_forward.gate",
            Self::Up => "feed_forward.up",
            Self::Down => "feed_forward.down",
            Self::FeedForwardNorm => "feed_forward.norm",
            Self::FeedForwardOutputNorm => "feed_forward.output_norm",
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
            Self::EmbeddingProjection(part) => write!(f, "embeddings.projection.{part}"),
            Self::ScoreBias => f.write_str("attention.score_bias"),
            Self::LastNorm(part) => write!(f, "norm.{part}"),
            Self::Layer(layer, tensor, part) => write!(f, "layers.{layer}.{tensor}.{part}"),
            Self::HeadDense(stage, part) => write!(f, "head.{stage}.dense.{part}"),
            Self::HeadResidual(stage) => write!(f, "head.{stage}.residual.weight"),
            Self::HeadNorm(stage, part) => write!(f, "head.{stage}.norm.{part}"),
        }
    }
}
