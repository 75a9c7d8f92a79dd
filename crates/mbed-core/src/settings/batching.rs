//! How work is cut into batches.

use std::num::NonZeroUsize;

/// How work is cut into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchingSettings {
    /// The most tokens of one batch; a single longer sequence is a batch of its own.
    pub max_tokens: NonZeroUsize,
    /// Rows that are sorted by length together. More waste less on padding and hold more memory.
    pub window_rows: NonZeroUsize,
    /// Bytes of text that end a window early.
    pub window_bytes: NonZeroUsize,
}

impl Default for BatchingSettings {
    fn default() -> Self {
        const fn count(value: usize) -> NonZeroUsize {
            match NonZeroUsize::new(value) {
                Some(count) => count,
                None => NonZeroUsize::MIN,
            }
        }
        Self { max_tokens: count(8192), window_rows: count(4096), window_bytes: count(8 << 20) }
    }
}
