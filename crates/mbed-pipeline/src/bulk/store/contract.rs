//! What a store promises.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;

use crate::error::Cause;

/// Keeps the rows of units, each unit whole or not at all.
///
/// What is not in the journal does not exist: a unit is put again after a kill, with other rows perhaps, and takes the place
/// of what was there under its number.
pub(in crate::bulk) trait Store: Send {
    /// Forgets the units from `next` on, which no journal knows.
    fn forget(&mut self, next: u64) -> Result<(), StoreError>;

    /// Keeps `bytes` as the rows of `unit`, safe from a power cut once this returns.
    fn put(&mut self, unit: u64, bytes: &Bytes) -> Result<(), StoreError>;

    /// The very bytes that were put.
    fn get(&mut self, unit: u64) -> Result<Bytes, StoreError>;

    /// What to call a unit in a message.
    fn name(&self, unit: u64) -> String;
}

/// Why a store could not do what it was asked for.
#[derive(Debug)]
pub(in crate::bulk) enum StoreError {
    /// A file of this machine could not be written.
    Disk(PathBuf, io::Error),
    /// It may work later: a server that restarts, a network that is down.
    #[cfg_attr(
        not(any(feature = "objects", feature = "postgres")),
        expect(dead_code, reason = "only theirs")
    )]
    Passing(Cause),
    /// It will not work later either.
    Lasting(Cause),
}
