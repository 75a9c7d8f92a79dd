//! What was changed about batches, and why.

use std::fmt;

use mbed_core::Bytes;
use serde::Serialize;

/// So many events are kept; later ones are counted and logged.
const KEPT: usize = 256;

/// A change, when it came and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MemoryEvent {
    /// Batches that were computed before it.
    pub after_batches: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: Change,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Change {
    /// Batches may have more tokens: so many fitted while there was room.
    Grew {
        /// Tokens before.
        from: usize,
        /// Tokens now.
        to: usize,
    },
    /// Memory ran short, so batches became smaller.
    Pressure {
        /// Tokens before.
        from: usize,
        /// Tokens now.
        to: usize,
        /// The part of the memory that was in use.
        in_use: f64,
    },
    /// Memory is no longer short, and batches are what they were.
    PressureEnded {
        /// Tokens before.
        from: usize,
        /// Tokens now.
        to: usize,
    },
    /// A batch did not fit.
    OutOfMemory {
        /// Its rows.
        rows: usize,
        /// Its tokens.
        tokens: usize,
        /// How many tokens a batch may have now.
        to: usize,
    },
    /// A batch did not fit though there was enough: in pieces. Its session gave its buffers back, and it was tried again
    /// as it was.
    Fragmented {
        /// What it needed.
        needed: Bytes,
        /// What was free, with what its session kept.
        room: Bytes,
    },
    /// Memory ran short while a session kept more than its batches need, in pieces or for larger ones. It gave its buffers
    /// back.
    Surplus {
        /// What it kept.
        kept: Bytes,
        /// What its batches need at the most.
        needed: Bytes,
    },
    /// Another size was measured to be faster.
    Faster {
        /// Tokens before.
        from: usize,
        /// Tokens now.
        to: usize,
        /// How much faster, as a factor.
        gain: f64,
    },
    /// Others held the memory, and it was waited for.
    Waited {
        /// For how long.
        seconds: f64,
        /// What was needed.
        needed: Bytes,
    },
    /// A single row did not fit.
    RowFailed {
        /// What its source calls it is in the error; its tokens.
        tokens: usize,
    },
    /// Memory stays above where it began.
    Leak {
        /// At rest in the beginning.
        start: Bytes,
        /// At rest now.
        now: Bytes,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grew { from, to } => write!(f, "batches grow from {from} to {to} tokens: they fit"),
            Self::Pressure { from, to, in_use } => {
                let percent = in_use * 100.0;
                write!(f, "batches shrink from {from} to {to} tokens: {percent:.0} % of the memory is in use")
            }
            Self::PressureEnded { from, to } => {
                write!(f, "batches go back from {from} to {to} tokens: memory is no longer short")
            }
            Self::OutOfMemory { rows, tokens, to } => {
                write!(
                    f,
                    "a batch of {rows} rows and {tokens} tokens did not fit: at most {to} tokens from now on"
                )
            }
            Self::Fragmented { needed, room } => {
                write!(f, "{needed} did not fit into {room} in pieces: buffers are given back")
            }
            Self::Surplus { kept, needed } => {
                write!(f, "{kept} are kept for batches that need {needed}: buffers are given back")
            }
            Self::Faster { from, to, gain } => {
                write!(f, "batches of {to} tokens instead of {from}: measured {gain:.2} times as fast")
            }
            Self::Waited { seconds, needed } => {
                write!(f, "waited {seconds:.2} s for {needed} that others hold")
            }
            Self::RowFailed { tokens } => write!(f, "a single row of {tokens} tokens does not fit"),
            Self::Leak { start, now } => write!(f, "{now} in use at rest, {start} in the beginning: a leak"),
        }
    }
}

/// The first events in full, and how many there were.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    kept: Vec<MemoryEvent>,
    count: u64,
}

impl Events {
    pub(crate) fn push(&mut self, after_batches: u64, what: Change) {
        match what {
            Change::Leak { .. } | Change::RowFailed { .. } => tracing::warn!(after_batches, "{what}"),
            _ => tracing::info!(after_batches, "{what}"),
        }
        self.count += 1;
        if self.kept.len() < KEPT {
            self.kept.push(MemoryEvent { after_batches, what });
        }
    }

    pub(crate) fn kept(&self) -> &[MemoryEvent] {
        &self.kept
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
    }
}
