//! Computing a batch whatever memory does: smaller parts, another try, and a name for what does not fit at all.

use std::num::NonZeroUsize;

use mbed_core::{BackendError, Batch, Bytes, DeviceMemory, Embeddings, Session};

use super::Shape;
use super::controller::{Controller, Fitted};
use crate::sequences::{Sequence, fill};
use crate::worker::{Computed, Done, Failure, check_shape};

/// A batch for a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) controller: &'a Controller,
    /// The number of the session.
    pub(crate) desk: usize,
    /// The fewest rows of a part, unless there are fewer.
    pub(crate) min_rows: NonZeroUsize,
    /// What the batch was cut for.
    pub(crate) size: usize,
}

/// Sequences that wait, here called rows, and how often they were in a batch that did not fit.
type Waiting = Vec<(Vec<usize>, u32)>;

impl Place<'_> {
    /// Computes `rows` of a window.
    pub(crate) fn compute(
        self,
        session: &mut dyn Session,
        list: &[Sequence],
        rows: Vec<usize>,
    ) -> Result<Done, Failure> {
        let mut waiting: Waiting = vec![(rows, 0)];
        let mut done = Done::default();
        while let Some((mut rows, tries)) = waiting.pop() {
            let lengths: Vec<usize> = rows.iter().map(|&row| length(list, row)).collect();
            let fitting = self.controller.fitting(&lengths).max(1);
            if fitting < rows.len() {
                waiting.push((rows.split_off(fitting), tries));
            }
            match self.attempt(session, list, &rows) {
                Ok(vectors) => done.computed.push(Computed { sequences: rows, vectors }),
                Err(Failure::Session { error: error @ BackendError::OutOfMemory { .. }, .. }) => {
                    self.ran_out((rows, tries), error, list, (&mut waiting, &mut done))?;
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(done)
    }

    /// One try.
    fn attempt(
        self,
        session: &mut dyn Session,
        list: &[Sequence],
        rows: &[usize],
    ) -> Result<Embeddings, Failure> {
        let row = rows.first().copied().unwrap_or(0);
        let failed = |error| Failure::Session { sequence: row, error };
        let batch = fill(list, rows).map_err(failed)?;
        let shape = Shape::of(&batch, session.capabilities().layout);
        let controller = self.controller;
        if rows.len() == 1 {
            controller.wait_for_room(self.desk, session, shape);
        }
        let claim = controller.claim(self.desk, session, shape);
        let before = Growth::before(session, controller);
        let start = controller.now();
        let mut vectors = Embeddings::new();
        let result = embed(session, &batch, &mut vectors);
        let time = controller.now().saturating_sub(start);
        controller.release(self.desk, claim);
        match result {
            Ok(()) => {
                check_shape(&vectors, batch.rows(), session.capabilities().dimensions)?;
                let grown = before.and_then(Growth::after);
                controller.fitted(self.desk, session, Fitted { shape, size: self.size, time, grown });
                Ok(vectors)
            }
            Err(error) => {
                if let BackendError::OutOfMemory { free, .. } = error {
                    controller.ran_out(self.desk, session, shape, free);
                }
                Err(failed(error))
            }
        }
    }

    /// Cuts what did not fit into parts. The last try is with the smallest, so that a row that fits alone is computed.
    fn ran_out(
        self,
        (rows, tries): (Vec<usize>, u32),
        error: BackendError,
        list: &[Sequence],
        (waiting, done): (&mut Waiting, &mut Done),
    ) -> Result<(), Failure> {
        let row = rows.first().copied().unwrap_or(0);
        let least = self.min_rows.get();
        if tries < self.controller.max_retries() {
            let half = if tries + 1 == self.controller.max_retries() { least } else { rows.len() / 2 };
            let part = half.max(least).min(rows.len()).max(1);
            done.splits += u64::from(part < rows.len());
            for part in rows.chunks(part).rev() {
                self.controller.retry(part.len(), tries);
                waiting.push((part.to_vec(), tries + 1));
            }
            return Ok(());
        }
        if rows.len() > 1 {
            return Err(Failure::Session { sequence: row, error });
        }
        self.controller.row_failed(length(list, row));
        done.failed.push((row, error));
        Ok(())
    }
}

fn embed(session: &mut dyn Session, batch: &Batch, vectors: &mut Embeddings) -> Result<(), BackendError> {
    let _span = tracing::debug_span!("compute", rows = batch.rows(), tokens = batch.tokens()).entered();
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
