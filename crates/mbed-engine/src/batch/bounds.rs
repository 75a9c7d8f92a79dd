//! How large a batch may be.

use std::num::NonZeroUsize;

use mbed_core::BatchLayout;
use mbed_core::settings::BatchingSettings;

/// How large a batch may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Token places; a single longer row is a batch of its own.
    pub(crate) tokens: NonZeroUsize,
    /// Rows, where they are bounded.
    pub(crate) rows: Option<NonZeroUsize>,
    /// How places are counted.
    pub(crate) layout: BatchLayout,
}

impl Bounds {
    pub(crate) const fn new(batching: &BatchingSettings, layout: BatchLayout) -> Self {
        Self { tokens: batching.max_tokens, rows: batching.row_cap(), layout }
    }

    /// Whether a batch with these counts may be.
    pub(crate) fn allow(&self, rows: usize, tokens: usize, longest: usize) -> bool {
        self.layout.places(rows, tokens, longest) <= self.tokens.get()
            && self.rows.is_none_or(|most| rows <= most.get())
    }
}
