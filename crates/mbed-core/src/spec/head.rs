//! From the hidden states of tokens to one vector.

use std::str::FromStr;

use super::Activation;

/// Pooling, then stages in order.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadSpec {
    /// Poolings whose results are put one behind the other. Never empty.
    pub pooling: Vec<Pooling>,
    /// What happens to the pooled vector.
    pub stages: Vec<HeadStage>,
}

impl HeadSpec {
    /// The length of the vectors that come out where hidden states are `hidden` long.
    #[must_use]
    pub fn dimensions(&self, hidden: usize) -> usize {
        let pooled = hidden * self.pooling.len();
        self.stages.iter().fold(pooled, |length, stage| match stage {
            HeadStage::Dense { output, .. } => *output,
            HeadStage::LayerNorm { .. } | HeadStage::Normalize => length,
        })
    }

    /// Whether vectors come out with length 1.
    #[must_use]
    pub fn normalizes(&self) -> bool {
        self.stages.last() == Some(&HeadStage::Normalize)
    }
}

/// One step after pooling.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HeadStage {
    /// `activation(W x + b)`
    Dense {
        /// Length of `x`.
        input: usize,
        /// Length of the result.
        output: usize,
        /// Whether there is a `b`.
        bias: Bias,
        /// Applied last.
        activation: Activation,
        /// What is added to that.
        residual: Residual,
    },
    /// LayerNorm with scale and shift.
    LayerNorm {
        /// Length of the vector.
        length: usize,
        /// Added to the variance before its root.
        epsilon: f32,
    },
    /// Division by the Euclidean length, which is taken as at least 1e-12 (`torch.nn.functional.normalize`).
    Normalize,
}

/// What a Dense stage adds to its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// Nothing.
    None,
    /// Its `x`, which is as long as the result.
    Input,
    /// A linear map of its `x`, without a bias.
    Projected,
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    Present,
    /// It is not.
    Absent,
}

impl Presence {
    /// Whether it is there.
    #[must_use]
    pub const fn is_present(self) -> bool {
        matches!(self, Self::Present)
    }
}

/// Whether a linear map or a norm adds a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// It does.
    Added,
    /// It does not.
    Absent,
}

/// One way to make a vector out of the hidden states of a span of tokens.
///
/// Definitions as in sentence-transformers 6.2, `Pooling`. An empty span pools to zeros in each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The first token.
    Cls,
    /// The largest value of each dimension.
    Max,
    /// The mean.
    Mean,
    /// The sum divided by the root of the number of tokens.
    MeanSqrtLength,
    /// The mean weighted by position, counted from 1 at the start of the sequence, not of the span.
    WeightedMean,
    /// The last token.
    LastToken,
}

impl Pooling {
    /// Every pooling, in the order in which the old configuration format concatenates them.
    pub const ALL: [Self; 6] =
        [Self::Cls, Self::Max, Self::Mean, Self::MeanSqrtLength, Self::WeightedMean, Self::LastToken];

    /// The name in `1_Pooling/config.json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cls => "cls",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::MeanSqrtLength => "mean_sqrt_len_tokens",
            Self::WeightedMean => "weightedmean",
            Self::LastToken => "lasttoken",
        }
    }
}

/// A name that is not a pooling.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown pooling `{name}`")]
pub struct UnknownPooling {
    /// The name as the model's file has it.
    pub name: String,
}

impl FromStr for Pooling {
    type Err = UnknownPooling;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|pooling| pooling.name() == name);
        found.ok_or_else(|| UnknownPooling { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_follow_poolings_and_dense_stages() {
        let dense = HeadStage::Dense {
            input: 128,
            output: 48,
            bias: Bias::Added,
            activation: Activation::Tanh,
            residual: Residual::None,
        };
        let check = |pooling: &[Pooling], stages: Vec<HeadStage>, dimensions| {
            let head = HeadSpec { pooling: pooling.to_vec(), stages };
            assert_eq!(head.dimensions(64), dimensions);
        };
        check(&[Pooling::Mean], vec![], 64);
        check(&[Pooling::Cls, Pooling::Max], vec![HeadStage::Normalize], 128);
        check(&[Pooling::Cls, Pooling::Max], vec![dense, HeadStage::Normalize], 48);
    }
}
