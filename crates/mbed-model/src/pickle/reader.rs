//! Bytes taken one after the other, never beyond the last.

use super::PickleError;

/// A place in the bytes of a file.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// How many bytes lie before it.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn damaged(&self, reason: &'static str) -> PickleError {
        PickleError::Damaged { offset: self.at, reason }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], PickleError> {
        let rest = self.bytes.get(self.at..).and_then(|rest| rest.get(..count));
        let taken = rest.ok_or_else(|| self.damaged("it ends too early"))?;
        self.at += count;
        Ok(taken)
    }

    /// Takes as many bytes as a length in the file says.
    pub(super) fn take_long(&mut self, count: u64) -> Result<&'a [u8], PickleError> {
        let count = usize::try_from(count).map_err(|_| self.damaged("it ends too early"))?;
        self.take(count)
    }

    pub(super) fn array<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], PickleError> {
        let taken = self.take(SIZE)?;
        taken.try_into().map_err(|_| self.damaged("it ends too early"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, PickleError> {
        self.array().map(u8::from_le_bytes)
    }

    /// Takes what stands before the next line break, and the break.
    pub(super) fn line(&mut self) -> Result<&'a [u8], PickleError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == b'\n');
        let length = length.ok_or_else(|| self.damaged("a line without end"))?;
        let line = self.take(length)?;
        self.take(1)?;
        Ok(line)
    }
}
