//! How large a batch may be.

use std::num::NonZeroUsize;

use mbed_core::BatchLayout;
use mbed_core::settings::BatchingSettings;

use crate::memory::{CostModel, Shape};

/// How large a batch may be.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// Token places; a single longer row is a batch of its own.
    pub(crate) tokens: NonZeroUsize,
    /// Rows, where they are bounded.
    pub(crate) rows: Option<NonZeroUsize>,
    /// How places are counted.
    pub(crate) layout: BatchLayout,
    /// Memory, where that is looked at.
    pub(crate) memory: Option<MemoryBound>,
}

/// How much memory a batch may need.
#[derive(Clone, Debug)]
pub(crate) struct MemoryBound {
    pub(crate) cost: CostModel,
    pub(crate) bytes: u64,
}

impl Bounds {
    pub(crate) const fn new(batching: &BatchingSettings, layout: BatchLayout) -> Self {
        Self { tokens: batching.max_tokens, rows: batching.row_cap(), layout, memory: None }
    }

    /// Whether a batch with these counts may be.
    pub(crate) fn allow(&self, rows: usize, tokens: usize, longest: usize) -> bool {
        let places = self.layout.places(rows, tokens, longest);
        let shape = Shape { rows, places, longest };
        places <= self.tokens.get()
            && self.rows.is_none_or(|most| rows <= most.get())
            && self.memory.as_ref().is_none_or(|memory| memory.cost.most(shape).get() <= memory.bytes)
    }
}
