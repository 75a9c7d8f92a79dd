//! What stands for objects where this crate is built without them: types that have no values.

use std::io::{self, Read, Seek, SeekFrom};

/// An object, of which there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Object {}

/// Reads an object.
#[derive(Clone, Debug)]
pub(crate) enum ObjectReader {}

impl Object {
    pub(crate) const fn stamp(&self) -> (u64, u64) {
        match *self {}
    }

    pub(crate) fn again(&self) -> io::Result<Self> {
        match *self {}
    }

    pub(crate) const fn reader(&self) -> ObjectReader {
        match *self {}
    }
}

impl ObjectReader {
    pub(crate) const fn len(&self) -> u64 {
        match *self {}
    }
}

impl Read for ObjectReader {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, _to: SeekFrom) -> io::Result<u64> {
        match *self {}
    }
}
