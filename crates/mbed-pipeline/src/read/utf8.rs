//! Bytes that should be UTF-8.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use crate::{PipelineError, names};

/// What happens to a record that is not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvalidUtf8 {
    /// Reading ends with [`PipelineError::InvalidUtf8`].
    #[default]
    Error,
    /// U+FFFD takes the place of each bad sequence.
    Replace,
    /// The record is left out and counted.
    Skip,
}

impl InvalidUtf8 {
    /// Every choice, in the order that messages list them.
    pub const ALL: [Self; 3] = [Self::Error, Self::Replace, Self::Skip];

    /// The lower-case name that settings and flags use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Replace => "replace",
            Self::Skip => "skip",
        }
    }
}

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for InvalidUtf8 {
    type Err = PipelineError;

    fn from_str(name: &str) -> Result<Self, PipelineError> {
        names::find("treatment of invalid UTF-8", name, (&Self::ALL, Self::name))
    }
}

/// Passes bytes on and fails at the first that is not UTF-8, with [`NotUtf8`] inside of the error.
///
/// For parsers that do not tell where in the file their fields are.
#[derive(Debug)]
pub(super) struct Utf8Reader<R> {
    inner: R,
    /// Where in the file the bytes of `open` begin.
    offset: u64,
    /// The bytes read last, behind a sequence that was still incomplete before them.
    open: Vec<u8>,
}

/// The first byte of a file that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} is not UTF-8")]
pub(super) struct NotUtf8 {
    pub(super) offset: u64,
}

impl<R> Utf8Reader<R> {
    /// Checks what comes from `inner`, whose first byte is at `offset` of the file.
    pub(super) const fn new(inner: R, offset: u64) -> Self {
        Self { inner, offset, open: Vec::new() }
    }

    /// Checks `bytes`, the next of the file; none are its end.
    fn check(&mut self, bytes: &[u8]) -> Result<(), NotUtf8> {
        self.open.extend_from_slice(bytes);
        let Err(error) = std::str::from_utf8(&self.open) else {
            self.offset += self.open.len() as u64;
            self.open.clear();
            return Ok(());
        };
        self.offset += error.valid_up_to() as u64;
        if error.error_len().is_some() || bytes.is_empty() {
            return Err(NotUtf8 { offset: self.offset });
        }
        self.open.drain(..error.valid_up_to());
        Ok(())
    }
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        let read = buffer.get(..count).unwrap_or_default();
        self.check(read).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives `size` bytes at a time.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            self.0.read(&mut buffer[..count])
        }
    }

    #[test]
    fn the_first_bad_byte_is_found_wherever_reads_end() {
        let check = |bytes: &[u8], bad: Option<u64>| {
            for size in 1..=bytes.len().max(1) {
                let mut read = Vec::new();
                let result = Utf8Reader::new(Pieces(bytes, size), 100).read_to_end(&mut read);
                let found = result.err().map(|error| {
                    error.get_ref().and_then(|inner| inner.downcast_ref::<NotUtf8>()).unwrap().offset - 100
                });
                assert_eq!(found, bad, "{bytes:?} in pieces of {size}");
            }
        };
        check(b"", None);
        check("a\u{e4}\u{20ac}\u{1f600}z".as_bytes(), None);
        check(b"abc\xff", Some(3));
        check(b"ab\xe2\x82", Some(2));
        check(b"ab\xe2\x82z", Some(2));
        check(b"\xc3\xa4\xf0\x9f\x98", Some(2));
    }
}
