//! A file mapped into memory.

#![expect(unsafe_code, reason = "mapping a file is unsafe: others could change it while it is mapped")]

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// A whole file, mapped read-only. Keeps the mapping as long as it lives.
#[derive(Debug)]
pub(crate) struct MappedFile(Mmap);

impl MappedFile {
    /// Maps `file`.
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the bytes must not change while they are mapped. Files of a model are written under another
        // name and renamed, never changed in place, by mbed and by the Hugging Face libraries; whoever edits one
        // in place while it is in use gets undefined numbers, as in every engine that maps its weights.
        let mapped = unsafe { Mmap::map(file)? };
        Ok(Self(mapped))
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
