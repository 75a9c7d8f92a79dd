//! Which batches a model takes.

use mbed_core::spec::EncoderSpec;
use mbed_core::{BackendError, Batch, GraphModel};

/// Which batches a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Rows of the token embedding.
    vocabulary: usize,
    /// Rows of the segment embedding; 1 where there is none, as only type id 0 makes sense then.
    segments: usize,
    /// The most tokens of one sequence.
    pub(crate) max_tokens: usize,
}

impl Limits {
    /// A model whose graph looks at segments only where `has_segments`.
    pub(crate) fn of_graph(model: &GraphModel, has_segments: bool) -> Self {
        let segments = if has_segments { model.segments.max(1) } else { 1 };
        Self { vocabulary: model.vocabulary, segments, max_tokens: model.max_tokens }
    }

    pub(crate) fn of(spec: &EncoderSpec) -> Self {
        Self {
            vocabulary: spec.vocabulary,
            segments: spec.embedding.segments.max(1),
            max_tokens: spec.position.max_tokens(),
        }
    }

    /// Refuses a batch that does not fit the model's tables.
    pub(crate) fn check(&self, batch: &Batch) -> Result<(), BackendError> {
        let sequences = (0..batch.sequences()).filter_map(|index| Some((index, batch.sequence(index)?)));
        for (sequence, tokens) in sequences {
            if tokens.ids.len() > self.max_tokens {
                let (tokens, limit) = (tokens.ids.len(), self.max_tokens);
                return Err(BackendError::SequenceTooLong { sequence, tokens, limit });
            }
            check_range("token id", tokens.ids, (self.vocabulary, sequence))?;
            check_range("type id", tokens.type_ids, (self.segments, sequence))?;
        }
        Ok(())
    }
}

fn check_range(
    kind: &'static str,
    values: &[u32],
    (limit, sequence): (usize, usize),
) -> Result<(), BackendError> {
    let outside = values.iter().find(|&&value| usize::try_from(value).is_ok_and(|value| value >= limit));
    outside.map_or(Ok(()), |&value| Err(BackendError::TokenOutOfRange { kind, value, limit, sequence }))
}
