//! A window's texts become tokens, on several threads.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mbed_core::settings::Overflow;
use mbed_text::{Encoded, EncodedParts, Pieces, TextEncoder};

use crate::sequences::Sequences;
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

/// What is computed for a window, and its rows for which that is nothing, with the reasons.
pub(crate) struct Tokenised {
    /// Those of failed rows are empty.
    pub(crate) sequences: Sequences,
    pub(crate) failed: Vec<(usize, EngineError)>,
}

impl Tokenise<'_> {
    /// The sequences of all rows, where none failed.
    pub(crate) fn run<R: Rows>(&self, rows: &R) -> Result<Sequences, EngineError> {
        let Tokenised { sequences, failed } = self.run_all(rows)?;
        failed.into_iter().next().map_or(Ok(sequences), |(_, error)| Err(error))
    }

    /// The sequences of the rows that have some, and why others have none. Of rows within a longer text, one that
    /// fails is an error, since one error cannot be told of several rows.
    pub(crate) fn run_all<R: Rows>(&self, rows: &R) -> Result<Tokenised, EngineError> {
        let _span = tracing::debug_span!("tokenise", rows = rows.len()).entered();
        if rows.within(0).is_some() {
            let documents = documents(rows);
            let read =
                |number: usize| self.document(rows, documents.get(number).cloned().unwrap_or_default());
            let read: Result<Vec<_>, _> = self.in_turns(documents.len(), 1, read)?.into_iter().collect();
            return Ok(Tokenised { sequences: Sequences::of_documents(read?), failed: Vec::new() });
        }
        let mut failed = Vec::new();
        let keep = |(row, encoded): (usize, Result<Encoded, EngineError>)| {
            encoded.unwrap_or_else(|error| {
                failed.push((row, error));
                Encoded { tokens: Vec::new(), pooled: 0..0, pieces: Pieces::Whole }
            })
        };
        let encoded = self.in_turns(rows.len(), ROWS_PER_TURN, |row| self.row(rows, row))?;
        let sequences = Sequences::of_rows(encoded.into_iter().enumerate().map(keep).collect());
        Ok(Tokenised { sequences, failed })
    }

    /// What `work` makes of each number below `count`, in order; a thread takes `per_turn` at a time.
    fn in_turns<T: Send>(
        &self,
        count: usize,
        per_turn: usize,
        work: impl Fn(usize) -> T + Sync,
    ) -> Result<Vec<T>, EngineError> {
        let turns = count.div_ceil(per_turn);
        let threads = self.threads.get().min(turns);
        if threads <= 1 {
            return Ok((0..count).map(work).collect());
        }
        let next = AtomicUsize::new(0);
        let take_turns = || {
            let mut done: Vec<(usize, Vec<T>)> = Vec::new();
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                let first = turn * per_turn;
                if first >= count {
                    return done;
                }
                done.push((turn, (first..count.min(first + per_turn)).map(&work).collect()));
            }
        };
        let mut done = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take_turns)).collect();
            let mut all = Vec::with_capacity(turns);
            for worker in workers {
                all.extend(worker.join().map_err(|_panic| EngineError::WorkerLost)?);
            }
            Ok::<_, EngineError>(all)
        })?;
        done.sort_unstable_by_key(|(turn, _)| *turn);
        Ok(done.into_iter().flat_map(|(_, made)| made).collect())
    }

    fn row<R: Rows>(&self, rows: &R, row: usize) -> Result<Encoded, EngineError> {
        let encoded = self.encoder.encode(rows.text(row));
        let encoded = encoded.map_err(|source| EngineError::Text { row: rows.name(row), source })?;
        if encoded.pieces == Pieces::Truncated && self.overflow == Overflow::Error {
            return Err(EngineError::TextTooLong { row: rows.name(row), limit: self.encoder.max_tokens() });
        }
        Ok(encoded)
    }

    /// The windows of the longer text that these rows stand in, and the number of the first row.
    fn document<R: Rows>(
        &self,
        rows: &R,
        own: Range<usize>,
    ) -> Result<(usize, Vec<EncodedParts>), EngineError> {
        let name = || rows.name(own.start);
        let text = rows.within(own.start).map_or("", |within| within.text);
        let spans: Vec<_> = own.clone().filter_map(|row| Some(rows.within(row)?.span)).collect();
        let windows = self.encoder.encode_parts(text, &spans);
        let windows = windows.map_err(|source| EngineError::Text { row: name(), source })?;
        if windows.len() > 1 && self.overflow == Overflow::Error {
            return Err(EngineError::TextTooLong { row: name(), limit: self.encoder.max_tokens() });
        }
        Ok((own.start, windows))
    }
}

/// The rows of each longer text.
fn documents<R: Rows>(rows: &R) -> Vec<Range<usize>> {
    let mut documents: Vec<Range<usize>> = Vec::new();
    let mut last = None;
    for row in 0..rows.len() {
        let document = rows.within(row).map(|within| within.document);
        match documents.last_mut() {
            Some(own) if document == last => own.end = row + 1,
            _ => documents.push(row..row + 1),
        }
        last = document;
    }
    documents
}
