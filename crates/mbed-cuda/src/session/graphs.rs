//! Forward passes of small parts as CUDA graphs: one call to the driver instead of one a kernel.

use std::collections::HashMap;

use mbed_core::settings::GraphChoice;

use super::part::Bucket;
use crate::owned::Recording;

/// So many are kept: each holds some hundred KiB of the device's memory.
const MOST: usize = 48;

/// Up to so many tokens a forward pass is bound by launches: a launch takes the host about 3 µs, the smallest kernels
/// of a pass the device less.
const MOST_TOKENS: usize = 2048;

/// The graphs of a session. They know the addresses that the session had when they were made.
#[derive(Debug)]
pub(crate) struct Graphs {
    choice: GraphChoice,
    /// By slot and bucket: none where the bucket was seen once, which is no reason yet.
    known: HashMap<(usize, Bucket), (Option<Recording>, u64)>,
    clock: u64,
}

/// What is to be done for a part.
pub(crate) enum Step<'a> {
    /// Compute it kernel by kernel.
    Compute,
    /// Compute it, and note its kernels down for the next time.
    Capture,
    /// Replay.
    Replay(&'a Recording),
}

impl Graphs {
    pub(crate) fn new(choice: GraphChoice) -> Self {
        Self { choice, known: HashMap::new(), clock: 0 }
    }

    /// Whether parts of so many tokens are replayed at all.
    pub(crate) const fn wants(&self, tokens: usize) -> bool {
        match self.choice {
            GraphChoice::Off => false,
            GraphChoice::On => true,
            GraphChoice::Auto => tokens <= MOST_TOKENS,
        }
    }

    /// What is to be done for a part of `bucket` in `slot`. A bucket that comes a second time is
    /// captured: most come once.
    pub(crate) fn step(&mut self, slot: usize, bucket: Bucket) -> Step<'_> {
        if !self.wants(bucket.tokens) {
            return Step::Compute;
        }
        self.clock += 1;
        let (clock, key) = (self.clock, (slot, bucket));
        if !self.known.contains_key(&key) {
            self.make_room();
            self.known.insert(key, (None, clock));
            return Step::Compute;
        }
        match self.known.get_mut(&key) {
            Some((Some(recording), used)) => {
                *used = clock;
                Step::Replay(recording)
            }
            _ => Step::Capture,
        }
    }

    /// Keeps what was captured.
    pub(crate) fn keep(&mut self, slot: usize, bucket: Bucket, recording: Recording) {
        self.known.insert((slot, bucket), (Some(recording), self.clock));
    }

    /// Forgets all of them: addresses change, or memory is short.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
    }

    fn make_room(&mut self) {
        if self.known.len() >= MOST {
            let oldest = self.known.iter().min_by_key(|(_, (_, used))| *used).map(|(&key, _)| key);
            oldest.and_then(|oldest| self.known.remove(&oldest));
        }
    }
}
