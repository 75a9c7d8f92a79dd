//! One session at work.

use mbed_core::{BackendError, Batch, Embeddings, Session};
use mbed_text::Encoded;

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
    /// Rows that did not fit alone.
    pub(crate) failed: Vec<(usize, BackendError)>,
    /// How often a part was cut into smaller ones.
    pub(crate) splits: u64,
}

/// A part of a batch that was computed.
#[derive(Debug)]
pub(crate) struct Computed {
    /// Row numbers in the window.
    pub(crate) rows: Vec<usize>,
    /// A vector for each of them, in their order.
    pub(crate) vectors: Embeddings,
}

/// A batch that could not be computed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The session gave an error for the batch that began with this row of the window.
    Session { row: usize, error: BackendError },
    /// The session returned another number of vectors than there were rows.
    WrongRowCount { expected: usize, got: usize },
    /// The session returned vectors of another length than it has told.
    WrongDimensions { expected: usize, got: usize },
    /// The session panicked.
    Panicked,
}

impl Failure {
    /// The error of the run, which calls the row what `rows` does.
    pub(crate) fn into_error<R: Rows>(self, rows: &R) -> EngineError {
        match self {
            Self::Session { row, error } => EngineError::Compute { row: rows.name(row), source: error },
            Self::WrongRowCount { expected, got } => EngineError::WrongRowCount { expected, got },
            Self::WrongDimensions { expected, got } => EngineError::WrongDimensions { expected, got },
            Self::Panicked => EngineError::WorkerLost,
        }
    }
}

/// Computes `rows` of a window. A batch that runs out of memory is halved as far as `retries` allow.
pub(crate) fn compute(
    session: &mut dyn Session,
    encoded: &[Encoded],
    rows: Vec<usize>,
    retries: Retries,
) -> Result<Done, Failure> {
    let mut waiting = vec![(rows, 0)];
    let mut done = Done::default();
    while let Some((mut rows, halvings)) = waiting.pop() {
        let first = rows.first().copied().unwrap_or(0);
        let mut vectors = Embeddings::new();
        let result = fill(encoded, &rows).and_then(|batch| {
            let _span = compute_span(&batch).entered();
            session.embed(&batch, &mut vectors)
        });
        match result {
            Ok(()) => {
                check_shape(&vectors, rows.len(), session.capabilities().dimensions)?;
                done.computed.push(Computed { rows, vectors });
            }
            Err(error @ BackendError::OutOfMemory { .. }) if retries.allow(rows.len(), halvings) => {
                tracing::info!(rows = rows.len(), %error, "a batch is halved");
                session.trim();
                done.splits += 1;
                let rest = rows.split_off(rows.len() / 2);
                waiting.push((rest, halvings + 1));
                waiting.push((rows, halvings + 1));
            }
            Err(error) => return Err(Failure::Session { row: first, error }),
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

pub(crate) fn fill(encoded: &[Encoded], rows: &[usize]) -> Result<Batch, BackendError> {
    let mut batch = Batch::new();
    for encoded in rows.iter().filter_map(|&row| encoded.get(row)) {
        let sequence = batch.push_unpooled(&encoded.tokens);
        // The range was made from these very tokens, so it lies inside them.
        let span = encoded.pooled.clone();
        debug_assert!(span.end <= encoded.tokens.len());
        if batch.push_span(sequence, span).is_err() {
            let tokens = encoded.tokens.len();
            return Err(BackendError::SequenceTooLong { sequence, tokens, limit: tokens });
        }
    }
    Ok(batch)
}
