//! Sizes that do not fit together, which would fail later or not at all.

use super::{EncoderSpec, HeadSpec, HeadStage, Residual, RotarySpec, ScoreBias};
use crate::BackendError;

/// Why the parts of a spec do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SizeError {
    /// Something has no size at all.
    #[error("its {what} is 0")]
    Zero {
        /// What has none.
        what: &'static str,
    },
    /// Nothing maps embeddings to states of another length.
    #[error("its embeddings have {width} values, its states {hidden}, and nothing maps one to the other")]
    Embedding {
        /// Length of an embedding.
        width: usize,
        /// Length of a state.
        hidden: usize,
    },
    /// Heads of queries cannot share those of keys and values evenly.
    #[error("its {key_value_heads} key and value heads do not divide its {heads} heads")]
    Heads {
        /// Heads of queries.
        heads: usize,
        /// Heads of keys and of values.
        key_value_heads: usize,
    },
    /// There is no range of distances for each direction.
    #[error("two ranges of distances are needed, it has {buckets}")]
    Buckets {
        /// How many there are.
        buckets: usize,
    },
    /// A rotation is longer than a head.
    #[error("it rotates {rotated} values of heads that have {head_size}")]
    Rotation {
        /// How many values of each head are rotated.
        rotated: usize,
        /// How many it has.
        head_size: usize,
    },
    /// No vector is made of states.
    #[error("its head names no pooling")]
    NoPooling,
    /// A stage adds what it was given to a result of another length.
    #[error("stage {index} of its head adds its input of {input} to a result of {output}")]
    Residual {
        /// The stage, counted from 0.
        index: usize,
        /// Length of what it takes.
        input: usize,
        /// Length of its result.
        output: usize,
    },
    /// A stage takes vectors of another length than it gets.
    #[error("stage {index} of its head takes vectors of {expected}, but gets vectors of {got}")]
    Stage {
        /// The stage, counted from 0.
        index: usize,
        /// Length of what it takes.
        expected: usize,
        /// Length of what the stage before it gives.
        got: usize,
    },
}

impl SizeError {
    /// The refusal of `backend`, which was asked to run such a model.
    #[must_use]
    pub fn refused_by(&self, backend: &'static str) -> BackendError {
        BackendError::UnsupportedModel { backend, reason: self.to_string() }
    }
}

impl EncoderSpec {
    /// Proves that no size is 0 and that no two contradict each other. Shapes of tensors follow from these sizes and are
    /// proven by [`EncoderSpec::check`].
    ///
    /// # Errors
    /// The first size that does not fit.
    pub fn check_sizes(&self) -> Result<(), SizeError> {
        let (width, hidden) = (self.embedding.width, self.hidden);
        not_zero(&[
            ("hidden size", hidden),
            ("embedding size", width),
            ("longest sequence", self.position.max_tokens()),
        ])?;
        if self.embedding.projection.is_none() && width != hidden {
            return Err(SizeError::Embedding { width, hidden });
        }
        if !self.layers.is_empty() {
            self.check_layers()?;
        }
        self.head.check_lengths(hidden).map(|_dimensions| ())
    }

    fn check_layers(&self) -> Result<(), SizeError> {
        let (heads, key_value_heads) = (self.attention.heads, self.attention.key_value_heads);
        let head_size = self.attention.head_size;
        not_zero(&[
            ("number of heads", heads),
            ("number of key and value heads", key_value_heads),
            ("head size", head_size),
            ("intermediate size", self.feed_forward.intermediate),
        ])?;
        if !heads.is_multiple_of(key_value_heads) {
            return Err(SizeError::Heads { heads, key_value_heads });
        }
        if let ScoreBias::Buckets { buckets: buckets @ ..2, .. } = self.attention.score_bias {
            return Err(SizeError::Buckets { buckets });
        }
        let mut rotations = self.layers.iter().filter_map(|layer| layer.rotary.as_ref());
        rotations.try_for_each(|rotary| rotary.check_size(head_size))
    }
}

impl RotarySpec {
    /// Proves that heads of `head_size` values have all that is rotated.
    ///
    /// # Errors
    /// They are shorter.
    pub fn check_size(&self, head_size: usize) -> Result<(), SizeError> {
        let rotated = self.size();
        if rotated > head_size { Err(SizeError::Rotation { rotated, head_size }) } else { Ok(()) }
    }
}

impl HeadSpec {
    /// The length of the vectors that come out of states that are `hidden` long, where each stage takes what the one before
    /// it gives.
    ///
    /// # Errors
    /// A stage takes something else, nothing is pooled, or nothing comes out.
    pub fn check_lengths(&self, hidden: usize) -> Result<usize, SizeError> {
        if self.pooling.is_empty() {
            return Err(SizeError::NoPooling);
        }
        let mut length = hidden.saturating_mul(self.pooling.len());
        for (index, stage) in self.stages.iter().enumerate() {
            let (input, output) = match *stage {
                HeadStage::Dense { input, output, residual: Residual::Input, .. } if input != output => {
                    return Err(SizeError::Residual { index, input, output });
                }
                HeadStage::Dense { input, output, .. } => (input, output),
                HeadStage::LayerNorm { length, .. } => (length, length),
                HeadStage::Normalize => continue,
            };
            if input != length {
                return Err(SizeError::Stage { index, expected: input, got: length });
            }
            length = output;
        }
        not_zero(&[("vector length", length)])?;
        Ok(length)
    }
}

fn not_zero(sizes: &[(&'static str, usize)]) -> Result<(), SizeError> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some(&(what, _)) => Err(SizeError::Zero { what }),
        None => Ok(()),
    }
}
