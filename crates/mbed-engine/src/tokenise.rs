//! A window's texts become tokens, on several threads.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mbed_core::settings::Overflow;
use mbed_text::{Encoded, Pieces, TextEncoder};

use crate::{EngineError, Rows};

/// Rows that a thread takes at a time; fewer rows than that are not worth another thread, which takes tens of
/// microseconds to start.
const ROWS_PER_TURN: usize = 64;

/// How a window is tokenised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokenise<'a> {
    pub(crate) encoder: &'a TextEncoder,
    pub(crate) threads: NonZeroUsize,
    pub(crate) overflow: Overflow,
}

/// A window's tokens. Rows that have none, for the reasons beside them, are empty.
pub(crate) struct Tokenised {
    pub(crate) encoded: Vec<Encoded>,
    pub(crate) failed: Vec<(usize, EngineError)>,
}

impl Tokenised {
    fn of(rows: impl Iterator<Item = Result<Encoded, EngineError>>) -> Self {
        let mut failed = Vec::new();
        let keep = |(row, encoded): (usize, Result<Encoded, EngineError>)| {
            encoded.unwrap_or_else(|error| {
                failed.push((row, error));
                Encoded { tokens: Vec::new(), pooled: 0..0, pieces: Pieces::Whole }
            })
        };
        let encoded = rows.enumerate().map(keep).collect();
        Self { encoded, failed }
    }

    fn append(&mut self, later: Self) {
        let first = self.encoded.len();
        self.encoded.extend(later.encoded);
        self.failed.extend(later.failed.into_iter().map(|(row, error)| (first + row, error)));
    }
}

impl Tokenise<'_> {
    /// The tokens of every row, in order, where all have some.
    pub(crate) fn run<R: Rows>(&self, rows: &R) -> Result<Vec<Encoded>, EngineError> {
        let Tokenised { encoded, failed } = self.run_all(rows)?;
        failed.into_iter().next().map_or(Ok(encoded), |(_, error)| Err(error))
    }

    /// The tokens of the rows that have some, and why the others have none.
    pub(crate) fn run_all<R: Rows>(&self, rows: &R) -> Result<Tokenised, EngineError> {
        let _span = tracing::debug_span!("tokenise", rows = rows.len()).entered();
        let turns = rows.len().div_ceil(ROWS_PER_TURN);
        let threads = self.threads.get().min(turns);
        if threads <= 1 {
            return Ok(Tokenised::of((0..rows.len()).map(|row| self.row(rows, row))));
        }
        let next = AtomicUsize::new(0);
        let mut done: Vec<(usize, Tokenised)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.turns(rows, &next))).collect();
            let mut all = Vec::with_capacity(turns);
            for worker in workers {
                all.extend(worker.join().map_err(|_panic| EngineError::WorkerLost)?);
            }
            Ok::<_, EngineError>(all)
        })?;
        done.sort_unstable_by_key(|(turn, _)| *turn);
        let mut all = Tokenised { encoded: Vec::with_capacity(rows.len()), failed: Vec::new() };
        done.into_iter().for_each(|(_, turn)| all.append(turn));
        Ok(all)
    }

    /// Takes turns until there are none left.
    fn turns<R: Rows>(&self, rows: &R, next: &AtomicUsize) -> Vec<(usize, Tokenised)> {
        let mut done = Vec::new();
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let first = turn * ROWS_PER_TURN;
            if first >= rows.len() {
                return done;
            }
            let last = rows.len().min(first + ROWS_PER_TURN);
            done.push((turn, Tokenised::of((first..last).map(|row| self.row(rows, row)))));
        }
    }

    fn row<R: Rows>(&self, rows: &R, row: usize) -> Result<Encoded, EngineError> {
        let encoded = self.encoder.encode(rows.text(row));
        let encoded = encoded.map_err(|source| EngineError::Text { row: rows.name(row), source })?;
        if encoded.pieces == Pieces::Truncated && self.overflow == Overflow::Error {
            return Err(EngineError::TextTooLong { row: rows.name(row), limit: self.encoder.max_tokens() });
        }
        Ok(encoded)
    }
}
