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

impl Tokenise<'_> {
    /// The tokens of every row, in order.
    pub(crate) fn run<R: Rows>(&self, rows: &R) -> Result<Vec<Encoded>, EngineError> {
        let _span = tracing::debug_span!("tokenise", rows = rows.len()).entered();
        let turns = rows.len().div_ceil(ROWS_PER_TURN);
        let threads = self.threads.get().min(turns);
        if threads <= 1 {
            return (0..rows.len()).map(|row| self.row(rows, row)).collect();
        }
        let next = AtomicUsize::new(0);
        let mut done: Vec<(usize, Vec<Encoded>)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.turns(rows, &next))).collect();
            let mut all = Vec::with_capacity(turns);
            for worker in workers {
                all.extend(worker.join().map_err(|_panic| EngineError::WorkerLost)??);
            }
            Ok::<_, EngineError>(all)
        })?;
        done.sort_unstable_by_key(|(turn, _)| *turn);
        Ok(done.into_iter().flat_map(|(_, encoded)| encoded).collect())
    }

    /// Takes turns until there are none left.
    fn turns<R: Rows>(
        &self,
        rows: &R,
        next: &AtomicUsize,
    ) -> Result<Vec<(usize, Vec<Encoded>)>, EngineError> {
        let mut done = Vec::new();
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let first = turn * ROWS_PER_TURN;
            if first >= rows.len() {
                return Ok(done);
            }
            let last = rows.len().min(first + ROWS_PER_TURN);
            let encoded: Result<Vec<Encoded>, EngineError> =
                (first..last).map(|row| self.row(rows, row)).collect();
            done.push((turn, encoded?));
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
