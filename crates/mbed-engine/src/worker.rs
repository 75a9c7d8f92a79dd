//! One session at work.

use mbed_core::{BackendError, Batch, Embeddings, Session};

use crate::sequences::{Sequence, Sequences, fill};
use crate::{EngineError, EngineOptions, Rows};

/// What is tried where memory runs out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retries {
    /// How often a batch is halved, and its halves in turn.
    most: u32,
    /// The fewest rows of a half.
    min_rows: usize,
}

impl Retries {
    pub(crate) const fn new(options: &EngineOptions) -> Self {
        Self { most: options.max_retries, min_rows: options.batching.min_rows.get() }
    }

    /// Whether a batch of `rows` that came of `halvings` may be halved once more.
    const fn allow(self, rows: usize, halvings: u32) -> bool {
        halvings < self.most && rows > 1 && rows / 2 >= self.min_rows
    }
}

/// What came of a batch.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Its parts that were computed.
    pub(crate) computed: Vec<Computed>,
    /// Sequences that did not fit alone.
    pub(crate) failed: Vec<(usize, BackendError)>,
    /// How often a part was cut into smaller ones.
    pub(crate) splits: u64,
}

/// A part of a batch that was computed.
#[derive(Debug)]
pub(crate) struct Computed {
    /// Their numbers in the window.
    pub(crate) sequences: Vec<usize>,
    /// A vector for each of their rows, in their order.
    pub(crate) vectors: Embeddings,
}

/// A batch that could not be computed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The session gave an error for the batch that began with this sequence of the window.
    Session { sequence: usize, error: BackendError },
    /// The session returned another number of vectors than there were rows.
    WrongRowCount { expected: usize, got: usize },
    /// The session returned vectors of another length than it has told.
    WrongDimensions { expected: usize, got: usize },
    /// The session panicked.
    Panicked,
}

impl Failure {
    /// The error of the run, which calls the first row of the sequence what `rows` does.
    pub(crate) fn into_error<R: Rows>(self, rows: &R, sequences: &Sequences) -> EngineError {
        match self {
            Self::Session { sequence, error } => {
                let row = rows.name(sequences.first_row(sequence));
                EngineError::Compute { row, source: error }
            }
            Self::WrongRowCount { expected, got } => EngineError::WrongRowCount { expected, got },
            Self::WrongDimensions { expected, got } => EngineError::WrongDimensions { expected, got },
            Self::Panicked => EngineError::WorkerLost,
        }
    }
}

/// Computes `sequences` of a window. A batch that runs out of memory is halved as far as `retries` allow.
pub(crate) fn compute(
    session: &mut dyn Session,
    list: &[Sequence],
    sequences: Vec<usize>,
    retries: Retries,
) -> Result<Done, Failure> {
    let mut waiting = vec![(sequences, 0)];
    let mut done = Done::default();
    while let Some((mut sequences, halvings)) = waiting.pop() {
        let first = sequences.first().copied().unwrap_or(0);
        let mut vectors = Embeddings::new();
        let mut rows = 0;
        let result = fill(list, &sequences).and_then(|batch| {
            rows = batch.rows();
            let _span = compute_span(&batch).entered();
            session.embed(&batch, &mut vectors)
        });
        match result {
            Ok(()) => {
                check_shape(&vectors, rows, session.capabilities().dimensions)?;
                done.computed.push(Computed { sequences, vectors });
            }
            Err(error @ BackendError::OutOfMemory { .. }) if retries.allow(sequences.len(), halvings) => {
                tracing::info!(rows = sequences.len(), %error, "a batch is halved");
                session.trim();
                done.splits += 1;
                let rest = sequences.split_off(sequences.len() / 2);
                waiting.push((rest, halvings + 1));
                waiting.push((sequences, halvings + 1));
            }
            Err(error) => return Err(Failure::Session { sequence: first, error }),
        }
    }
    Ok(done)
}

/// A session that breaks its promise must not leave rows behind that look like vectors.
pub(crate) fn check_shape(vectors: &Embeddings, rows: usize, dimensions: usize) -> Result<(), Failure> {
    if vectors.rows() != rows {
        return Err(Failure::WrongRowCount { expected: rows, got: vectors.rows() });
    }
    if vectors.dimensions() != dimensions {
        return Err(Failure::WrongDimensions { expected: dimensions, got: vectors.dimensions() });
    }
    Ok(())
}

/// The span of one batch in a session, with what tells its size.
pub(crate) fn compute_span(batch: &Batch) -> tracing::Span {
    tracing::debug_span!("compute", rows = batch.rows(), tokens = batch.tokens(), longest = batch.longest())
}
