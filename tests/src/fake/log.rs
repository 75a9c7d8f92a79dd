//! What the sessions of a fake were given.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mbed_core::Batch;

/// A batch as a session was given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenBatch {
    /// The number of the session, in the order in which they were opened.
    pub session: usize,
    /// The length of each sequence.
    pub lengths: Vec<usize>,
    /// How many rows were asked for.
    pub rows: usize,
}

impl SeenBatch {
    /// How many tokens there are in all.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }
}

/// What all sessions of a fake were given, in the order of the calls. Clones are the same log.
#[derive(Clone, Debug, Default)]
pub struct FakeLog(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    sessions: usize,
    batches: Vec<SeenBatch>,
    trims: usize,
}

impl FakeLog {
    /// Every call so far.
    #[must_use]
    pub fn batches(&self) -> Vec<SeenBatch> {
        self.entries().batches.clone()
    }

    /// How often a session was asked to give memory back.
    #[must_use]
    pub fn trims(&self) -> usize {
        self.entries().trims
    }

    /// Gives a new session its number.
    pub(super) fn open(&self) -> usize {
        let mut entries = self.entries();
        entries.sessions += 1;
        entries.sessions - 1
    }

    /// Notes a call, and gives its number.
    pub(super) fn call(&self, session: usize, batch: &Batch) -> usize {
        let lengths = batch.offsets().windows(2).map(|ends| ends[1] - ends[0]).collect();
        let mut entries = self.entries();
        entries.batches.push(SeenBatch { session, lengths, rows: batch.rows() });
        entries.batches.len() - 1
    }

    pub(super) fn trim(&self) {
        self.entries().trims += 1;
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Entries are pushed whole, so a session that panics elsewhere leaves none half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
