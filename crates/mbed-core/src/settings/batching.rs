//! How work is cut into batches.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auto_count::{self, AutoCount};
use super::byte_size::{self, ByteSize};

/// How work is cut into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchingSettings {
    /// The most rows of a batch to begin with; `auto` leaves that to `max_rows` and `max_tokens`.
    #[serde(with = "auto_count")]
    #[schemars(with = "AutoCount", extend("x-unit" = "rows", "examples" = [32]))]
    pub batch_size: Option<NonZeroUsize>,
    /// A batch that does not fit into memory is not cut into parts with fewer rows than this.
    #[schemars(extend("x-unit" = "rows", "examples" = [4]))]
    pub min_rows: NonZeroUsize,
    /// The most rows that a batch may ever have; `auto` sets no bound but `max_tokens`.
    #[serde(with = "auto_count")]
    #[schemars(with = "AutoCount", extend("x-unit" = "rows", "examples" = [256]))]
    pub max_rows: Option<NonZeroUsize>,
    /// The most tokens of one batch, padding included where a backend pads; a single longer text is a batch of its
    /// own.
    #[schemars(extend("x-unit" = "tokens", "examples" = [16384]))]
    pub max_tokens: NonZeroUsize,
    /// Rows that are sorted by length together. More waste less on padding and hold more memory.
    #[schemars(extend("x-unit" = "rows", "examples" = [8192]))]
    pub window_rows: NonZeroUsize,
    /// Text that ends a window early.
    #[serde(with = "byte_size::from_one")]
    #[schemars(with = "ByteSize", extend("examples" = ["32MiB"]))]
    pub window_bytes: NonZeroUsize,
}

impl BatchingSettings {
    /// The most rows that a batch is planned with, `None` where tokens alone bound it.
    #[must_use]
    pub const fn row_cap(&self) -> Option<NonZeroUsize> {
        match self.batch_size {
            Some(rows) => Some(rows),
            None => self.max_rows,
        }
    }
}

impl Default for BatchingSettings {
    fn default() -> Self {
        const fn count(value: usize) -> NonZeroUsize {
            match NonZeroUsize::new(value) {
                Some(count) => count,
                None => NonZeroUsize::MIN,
            }
        }
        Self {
            batch_size: None,
            min_rows: NonZeroUsize::MIN,
            max_rows: None,
            max_tokens: count(8192),
            window_rows: count(4096),
            window_bytes: count(8 << 20),
        }
    }
}
