//! Batches that cannot be computed are refused before anything moves.

use mbed_core::spec::EncoderSpec;
use mbed_core::{BackendError, Batch};

/// Proves that no sequence is too long and that every token has a row in the tables.
pub(crate) fn check(batch: &Batch, spec: &EncoderSpec) -> Result<(), BackendError> {
    let limit = spec.position.max_tokens();
    let too_long =
        batch.offsets().windows(2).position(|ends| matches!(ends, [start, end] if end - start > limit));
    if let Some(sequence) = too_long {
        let tokens = batch.range(sequence).unwrap_or_default().len();
        return Err(BackendError::SequenceTooLong { sequence, tokens, limit });
    }
    // Where there are no segments, the first is the only one that makes sense.
    all_below(batch, ("token id", batch.ids()), spec.vocabulary)?;
    all_below(batch, ("type id", batch.type_ids()), spec.embedding.segments.max(1))
}

fn all_below(
    batch: &Batch,
    (kind, values): (&'static str, &[u32]),
    limit: usize,
) -> Result<(), BackendError> {
    let Some((place, &value)) = values.iter().enumerate().find(|&(_, &value)| value as usize >= limit) else {
        return Ok(());
    };
    let sequence = batch.offsets().partition_point(|&offset| offset <= place).saturating_sub(1);
    Err(BackendError::TokenOutOfRange { kind, value, limit, sequence })
}

#[cfg(test)]
mod tests {
    use mbed_core::Token;

    use super::*;

    #[test]
    fn the_sequence_of_a_bad_token_is_named() {
        let mut batch = Batch::new();
        batch.push(&[]);
        batch.push(&[Token { id: 1, type_id: 0 }; 2]);
        batch.push(&[Token { id: 1, type_id: 0 }, Token { id: 9, type_id: 0 }]);
        let error = all_below(&batch, ("token id", batch.ids()), 9).unwrap_err();
        assert!(matches!(error, BackendError::TokenOutOfRange { value: 9, limit: 9, sequence: 2, .. }));
        assert!(all_below(&batch, ("token id", batch.ids()), 10).is_ok());
    }
}
