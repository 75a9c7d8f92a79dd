//! Computing a batch whatever memory does: smaller parts, another try, and a name for what does not fit at all.

use std::num::NonZeroUsize;

use mbed_core::{BackendError, Batch, Bytes, DeviceMemory, Embeddings, Session};

use super::Shape;
use super::controller::{Controller, Fitted};
use super::room::{Need, Shortage};
use crate::sequences::{Sequence, fill};
use crate::worker::{Computed, Done, Failure, check_shape, compute_span};

/// A batch for a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) controller: &'a Controller,
    /// The number of the session.
    pub(crate) desk: usize,
    /// The fewest rows of a part, unless there are fewer.
    pub(crate) min_rows: NonZeroUsize,
    /// The size that the batch stands for in measurements, where it is not the rest of a window.
    pub(crate) size: Option<usize>,
}

/// Sequences that wait, here called rows, and how often they were in a batch that did not fit.
type Waiting = Vec<(Vec<usize>, u32)>;

/// Why a try brought nothing.
#[derive(Debug)]
enum Missed {
    /// It did not fit.
    Memory(BackendError, Shortage),
    /// Something that smaller parts do not mend.
    Failed(Failure),
}

impl Place<'_> {
    /// Computes `rows` of a window.
    pub(crate) fn compute(
        self,
        session: &mut dyn Session,
        list: &[Sequence],
        rows: Vec<usize>,
    ) -> Result<Done, Failure> {
        let whole = rows.len();
        let mut waiting: Waiting = vec![(rows, 0)];
        let mut done = Done::default();
        while let Some((mut rows, tries)) = waiting.pop() {
            let lengths: Vec<usize> = rows.iter().map(|&row| length(list, row)).collect();
            let fitting = self.controller.fitting(&lengths).max(1);
            if fitting < rows.len() {
                waiting.push((rows.split_off(fitting), tries));
            }
            let size = self.size.filter(|_| rows.len() == whole);
            match (Self { size, ..self }).attempt(session, list, (&rows, tries)) {
                Ok(vectors) => done.computed.push(Computed { sequences: rows, vectors }),
                Err(Missed::Memory(error, why)) => {
                    self.missed((rows, tries), (error, why), list, (&mut waiting, &mut done))?;
                }
                Err(Missed::Failed(failure)) => return Err(failure),
            }
        }
        Ok(done)
    }

    /// Puts parts of what did not fit back, or names the row that does not fit at all.
    fn missed(
        self,
        (rows, tries): (Vec<usize>, u32),
        (error, why): (BackendError, Shortage),
        list: &[Sequence],
        (waiting, done): (&mut Waiting, &mut Done),
    ) -> Result<(), Failure> {
        let row = rows.first().copied().unwrap_or(0);
        let Some(part) = self.next_part(rows.len(), tries, why) else {
            if rows.len() > 1 {
                return Err(Failure::Session { sequence: row, error });
            }
            self.controller.row_failed(length(list, row));
            done.failed.push((row, error));
            return Ok(());
        };
        done.splits += u64::from(part < rows.len());
        let parts = rows.chunks(part);
        self.controller.retry(parts.len(), part, tries);
        waiting.extend(parts.rev().map(|part| (part.to_vec(), tries + 1)));
        Ok(())
    }

    /// One try with rows that did not fit so many times before.
    fn attempt(
        self,
        session: &mut dyn Session,
        list: &[Sequence],
        (rows, tries): (&[usize], u32),
    ) -> Result<Embeddings, Missed> {
        let row = rows.first().copied().unwrap_or(0);
        let failed = |error| Missed::Failed(Failure::Session { sequence: row, error });
        let batch = fill(list, rows).map_err(failed)?;
        let shape = Shape::of(&batch, session.capabilities().layout);
        let controller = self.controller;
        let need = if rows.len() == 1 && tries > 0 { Need::Last } else { Need::Usual };
        let claim = controller.claim(self.desk, session, shape, need);
        let before = Growth::before(session, controller);
        let start = controller.now();
        let mut vectors = Embeddings::new();
        let result = embed(session, &batch, &mut vectors);
        let time = controller.now().saturating_sub(start);
        let missed = match result {
            Ok(()) => {
                check_shape(&vectors, batch.rows(), session.capabilities().dimensions)
                    .map_err(Missed::Failed)?;
                let grown = before.and_then(Growth::after);
                controller.fitted(self.desk, session, Fitted { shape, size: self.size, time, grown });
                None
            }
            Err(error @ BackendError::OutOfMemory { free, .. }) => {
                let why = controller.ran_out(self.desk, session, shape, free);
                Some(Missed::Memory(error, why))
            }
            Err(error) => Some(failed(error)),
        };
        // Only now does the ledger know what the session keeps.
        drop(claim);
        missed.map_or(Ok(vectors), Err)
    }

    /// How many rows the parts have that are tried next, or none where there were tries enough. The first half of the
    /// tries makes parts smaller; the others are of the smallest, so that a row that fits alone is computed even where
    /// memory is refused without a reason.
    fn next_part(self, rows: usize, tries: u32, why: Shortage) -> Option<usize> {
        let most = self.controller.max_retries();
        let next = tries.checked_add(1).filter(|&next| next <= most)?;
        let least = self.min_rows.get();
        let part = match why {
            _ if next >= most.div_ceil(2) => least,
            Shortage::Fragments => rows,
            Shortage::Memory => rows / 2,
        };
        Some(part.max(least).min(rows).max(1))
    }
}

fn embed(session: &mut dyn Session, batch: &Batch, vectors: &mut Embeddings) -> Result<(), BackendError> {
    let _span = compute_span(batch).entered();
    session.embed(batch, vectors)
}

fn length(list: &[Sequence], row: usize) -> usize {
    list.get(row).map_or(0, |sequence| sequence.tokens.len())
}

/// By how much the process grows at its peak, for sessions that compute in this machine's memory and do not tell what
/// they keep.
#[derive(Clone, Copy)]
struct Growth {
    resident: Bytes,
    peak: Bytes,
}

impl Growth {
    fn before(session: &dyn Session, controller: &Controller) -> Option<Self> {
        if session.memory().workspace.is_some() || session.device_memory() != DeviceMemory::Host {
            return None;
        }
        let resident = controller.host().process()?.resident;
        Some(Self { resident, peak: mbed_monitor::peak_resident()? })
    }

    /// Nothing where the peak is an older one.
    fn after(self) -> Option<Bytes> {
        let peak = mbed_monitor::peak_resident().filter(|&peak| peak > self.peak)?;
        Some(Bytes::new(peak.get().saturating_sub(self.resident.get())))
    }
}
