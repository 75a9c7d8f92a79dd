//! How the fake behaves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mbed_core::{Batch, BatchLayout, SpanSupport};

/// Something that a fake session does before it computes a batch, on the thread that computes.
#[derive(Clone)]
pub struct Hook(Arc<dyn Fn(&Batch) + Send + Sync>);

impl Hook {
    /// Calls `action`.
    pub fn new(action: impl Fn(&Batch) + Send + Sync + 'static) -> Self {
        Self(Arc::new(action))
    }

    pub(super) fn call(&self, batch: &Batch) {
        (self.0)(batch);
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// How the fake behaves.
#[derive(Clone, Debug)]
pub struct FakeOptions {
    /// What a batch costs.
    pub layout: BatchLayout,
    /// Which spans it takes.
    pub spans: SpanSupport,
    /// The most token places of a batch that fits into its memory; there is always room where this is `None`.
    pub capacity: Option<usize>,
    /// What goes wrong at which call; calls of all sessions are counted together, from 0.
    pub mishaps: Vec<(usize, Mishap)>,
    /// How long a batch takes.
    pub delay: Duration,
    /// What a session does before it computes.
    pub hook: Option<Hook>,
}

impl Default for FakeOptions {
    /// Packed, any spans, and nothing goes wrong.
    fn default() -> Self {
        Self {
            layout: BatchLayout::Packed,
            spans: SpanSupport::Any,
            capacity: None,
            mishaps: Vec::new(),
            delay: Duration::ZERO,
            hook: None,
        }
    }
}

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Memory runs out.
    OutOfMemory,
    /// The machinery below fails.
    Failed,
    /// The device is gone.
    DeviceLost,
    /// The session panics.
    Panic,
    /// The last row is left out of the result.
    MissingRow,
    /// The result has a row too many.
    ExtraRow,
    /// The vectors of the result are shorter than they should be.
    ShortVectors,
}
