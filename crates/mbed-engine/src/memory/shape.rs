//! What of a batch decides how much memory it needs.

use mbed_core::{Batch, BatchLayout};
use serde::{Deserialize, Serialize};

/// What of a batch decides how much memory it needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Rows that come out.
    pub rows: usize,
    /// Places of tokens, padding among them where a backend pads.
    pub places: usize,
    /// Tokens of the longest sequence.
    pub longest: usize,
}

impl Shape {
    /// `rows` sequences of `length` tokens.
    #[must_use]
    pub const fn even(rows: usize, length: usize) -> Self {
        Self { rows, places: rows.saturating_mul(length), longest: length }
    }

    /// A batch as a session with this layout lays it out.
    pub(crate) fn of(batch: &Batch, layout: BatchLayout) -> Self {
        let places = layout.places(batch.sequences(), batch.tokens(), batch.longest());
        Self { rows: batch.rows(), places, longest: batch.longest() }
    }
}
