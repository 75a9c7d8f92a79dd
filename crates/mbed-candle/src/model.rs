//! What the two kinds of models have in common: tokens go in, hidden states come out.

use candle_core::Tensor;
use mbed_core::{BackendError, Batch, Bytes};

use crate::head::Head;

/// What turns tokens into hidden states.
pub(crate) trait TokenModel: Send + Sync {
    /// The hidden states, `sequences × length × hidden`, of sequences that all have the same length, which is at
    /// least 1. Both inputs are `sequences × length`.
    fn hidden_states(&self, ids: &Tensor, type_ids: &Tensor) -> candle_core::Result<Tensor>;
}

/// A model that is ready to embed.
pub(crate) struct LoadedModel {
    /// From tokens to hidden states.
    pub tokens: Box<dyn TokenModel>,
    /// From hidden states to vectors.
    pub head: Head,
    /// Which batches it takes.
    pub limits: Limits,
    /// What its weights take up, where that is known.
    pub weights: Option<Bytes>,
}

/// Which batches a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Rows of the token embedding.
    pub vocabulary: usize,
    /// Rows of the segment embedding; 1 where there is none, as only type id 0 makes sense then.
    pub segments: usize,
    /// The most tokens of one sequence.
    pub max_tokens: usize,
}

impl Limits {
    /// Refuses a batch that does not fit the model's tables.
    pub(crate) fn check(&self, batch: &Batch) -> Result<(), BackendError> {
        for (sequence, tokens) in
            (0..batch.sequences()).filter_map(|index| Some((index, batch.sequence(index)?)))
        {
            if tokens.ids.len() > self.max_tokens {
                let (tokens, limit) = (tokens.ids.len(), self.max_tokens);
                return Err(BackendError::SequenceTooLong { sequence, tokens, limit });
            }
            check_range("token id", tokens.ids, self.vocabulary, sequence)?;
            check_range("type id", tokens.type_ids, self.segments, sequence)?;
        }
        Ok(())
    }
}

fn check_range(
    kind: &'static str,
    values: &[u32],
    limit: usize,
    sequence: usize,
) -> Result<(), BackendError> {
    let outside = values.iter().find(|&&value| usize::try_from(value).is_ok_and(|value| value >= limit));
    outside.map_or(Ok(()), |&value| Err(BackendError::TokenOutOfRange { kind, value, limit, sequence }))
}
