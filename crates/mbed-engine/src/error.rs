//! Why a run ended early.

use std::error::Error;

use mbed_core::{BackendError, Bytes, Hint};
use mbed_text::TextError;

/// Why the engine could not make vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There is nothing to compute with.
    #[error("an engine needs at least one session")]
    NoSession,
    /// Texts may become longer than a session takes.
    #[error("texts may have {tokens} tokens, the session takes at most {limit}")]
    SessionTooShort {
        /// The encoder's maximum length.
        tokens: usize,
        /// The session's limit.
        limit: usize,
    },
    /// More dimensions were asked for than the model has.
    #[error("{asked} dimensions were asked for, the model has {available}")]
    TooManyDimensions {
        /// What was asked for.
        asked: usize,
        /// What the model has.
        available: usize,
    },
    /// A text is longer than the maximum length, and truncating was ruled out.
    #[error("the text of {row} has more than {limit} tokens")]
    TextTooLong {
        /// The row, as its source names it.
        row: String,
        /// The maximum length.
        limit: usize,
    },
    /// A text could not be tokenised.
    #[error("the text of {row} could not be tokenised")]
    Text {
        /// The row, as its source names it.
        row: String,
        /// Why.
        source: TextError,
    },
    /// A batch could not be computed.
    #[error("{row} could not be computed")]
    Compute {
        /// The first row of the batch, as its source names it.
        row: String,
        /// Why.
        source: BackendError,
    },
    /// A session returned something else than one vector a row.
    #[error("a session returned {got} vectors for {expected} rows")]
    WrongRowCount {
        /// Rows of the batch.
        expected: usize,
        /// Rows of the result.
        got: usize,
    },
    /// A session returned vectors of another length than it has told.
    #[error("a session returned vectors of {got} dimensions, it has told {expected}")]
    WrongDimensions {
        /// What its capabilities tell.
        expected: usize,
        /// The length of the vectors.
        got: usize,
    },
    /// More memory is to be left to others than there is.
    #[error("{reserved} are to be left to others, there are {total}")]
    ReservedTooMuch {
        /// What is to be left.
        reserved: Bytes,
        /// What there is.
        total: Bytes,
    },
    /// A part of the engine ended without saying why, which only a panic does.
    #[error("a worker of the engine ended unexpectedly")]
    WorkerLost,
    /// Somebody asked for the end.
    #[error("cancelled")]
    Cancelled,
}

impl Hint for EngineError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::TextTooLong { .. } => Some(
                "`--overflow truncate` embeds the first tokens and counts such rows; `--max-length` raises the \
                 limit where the model has more positions"
                    .to_owned(),
            ),
            Self::Compute { source: BackendError::OutOfMemory { .. }, .. } => Some(
                "make batches smaller with `batching.max_tokens` or `batching.batch_size`, halve them more often with \
                 `memory.max_retries`, or free memory on the device"
                    .to_owned(),
            ),
            Self::ReservedTooMuch { .. } => {
                Some("lower `memory.reserved`, in which `--reserve` and `--beside` count together".to_owned())
            }
            Self::Compute { source, .. } => source.hint(),
            Self::Text { source, .. } => source.hint(),
            _ => None,
        }
    }
}

/// Why a run from a source to a sink ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError<Read: Error + 'static, Write: Error + 'static> {
    /// The input could not be read.
    #[error(transparent)]
    Read(Read),
    /// The vectors could not be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The output could not be written.
    #[error(transparent)]
    Write(Write),
}
