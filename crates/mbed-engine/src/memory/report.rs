//! What sizing batches came to.

use mbed_core::Bytes;
use serde::{Deserialize, Serialize};

use super::MemoryEvent;

/// What sizing batches came to since the engine was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MemoryReport {
    /// What batches might take in the beginning, where memory could be told.
    pub first_budget: Option<Bytes>,
    /// How many tokens a batch might have in the beginning.
    pub first_tokens: usize,
    /// How many tokens batches have now.
    pub tokens: usize,
    /// Where memory ran out, until a batch of that size has fitted again.
    pub ceiling: Option<usize>,
    /// How often memory ran out.
    pub out_of_memory: u64,
    /// How often parts of a batch were tried again.
    pub retries: u64,
    /// How often memory was given back.
    pub trims: u64,
    /// Rows that did not fit alone.
    pub failed_rows: u64,
    /// The most that a session kept in its buffers.
    pub most_kept: Bytes,
    /// How many events there were; the first are in `events`.
    pub event_count: u64,
    /// What was changed, and why.
    pub events: Vec<MemoryEvent>,
    /// How fast batches of each size were.
    pub curve: Vec<CurvePoint>,
}

impl MemoryReport {
    pub(crate) fn new(tokens: usize) -> Self {
        Self {
            first_budget: None,
            first_tokens: tokens,
            tokens,
            ceiling: None,
            out_of_memory: 0,
            retries: 0,
            trims: 0,
            failed_rows: 0,
            most_kept: Bytes::default(),
            event_count: 0,
            events: Vec::new(),
            curve: Vec::new(),
        }
    }
}

impl CurvePoint {
    /// Batches of so many tokens were so fast.
    #[must_use]
    pub const fn new(tokens: usize, tokens_per_s: f64, batches: u64) -> Self {
        Self { tokens, tokens_per_s, batches }
    }
}

/// How fast batches of one size were.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CurvePoint {
    /// Tokens of a batch.
    pub tokens: usize,
    /// Tokens a second.
    pub tokens_per_s: f64,
    /// Batches that were measured.
    pub batches: u64,
}
