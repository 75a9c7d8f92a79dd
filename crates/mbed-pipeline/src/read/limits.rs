//! How much is held at a time.

use crate::{PipelineError, Place};

/// The most bytes that one text, or one line of a JSONL or CSV input, may have: 1 GiB.
///
/// A column of texts counts its bytes with 31 bits. A window is closed by the record that takes it to its limit
/// in bytes, so with limits of 1 GiB for both a column is never longer than 2³¹ - 1.
pub const MAX_TEXT_BYTES: usize = 1 << 30;

/// When a window is full: as soon as either limit is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

impl Limits {
    pub(crate) const fn reached(self, rows: usize, bytes: usize) -> bool {
        rows >= self.rows || bytes >= self.bytes
    }
}

/// # Errors
/// A text of `bytes` bytes at `place` is too long.
pub(super) fn check_length(bytes: usize, place: &Place) -> Result<(), PipelineError> {
    if bytes <= MAX_TEXT_BYTES {
        return Ok(());
    }
    Err(PipelineError::TextTooLong { place: place.clone(), limit: MAX_TEXT_BYTES.into() })
}
