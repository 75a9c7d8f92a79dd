//! Where the rows of units are kept: in the folder of the job, on object storage, or in a table.

mod folder;
mod keep;
#[cfg(feature = "objects")]
mod objects;
mod patience;
#[cfg(feature = "postgres")]
mod postgres;

use bytes::Bytes;

use std::io;
use std::path::PathBuf;

pub(super) use folder::FolderStore;
pub use keep::Keep;
#[cfg(feature = "objects")]
use objects::ObjectStoreOf;
pub(super) use patience::Patient;
#[cfg(feature = "postgres")]
use postgres::PostgresStore;
#[cfg(feature = "postgres")]
pub use postgres::PostgresTable;

use crate::error::Cause;

/// Keeps the rows of units, each unit whole or not at all.
///
/// What is not in the journal does not exist: a unit is put again after a kill, with other rows perhaps, and takes the place
/// of what was there under its number.
pub(super) trait Store: Send {
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
pub(super) enum StoreError {
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
