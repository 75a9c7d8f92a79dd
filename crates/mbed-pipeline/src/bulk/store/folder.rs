//! Shards in the folder of the job.

use std::fs;

use bytes::Bytes;

use super::{Store, StoreError};
use crate::OutputFormat;
use crate::bulk::disk::{Disk, put};
use crate::bulk::folder::Paths;

/// Shards in the folder of the job: temporary name, sync, rename, sync of the folder.
pub(in crate::bulk) struct FolderStore<'a> {
    pub(in crate::bulk) paths: &'a Paths,
    pub(in crate::bulk) disk: &'a dyn Disk,
    pub(in crate::bulk) format: OutputFormat,
}

impl Store for FolderStore<'_> {
    /// Nothing: the folder was tidied when it was taken.
    fn forget(&mut self, _next: u64) -> Result<(), StoreError> {
        Ok(())
    }

    fn put(&mut self, unit: u64, bytes: &Bytes) -> Result<(), StoreError> {
        let path = self.paths.shard(unit, self.format);
        put(self.disk, &path, bytes).map_err(|source| StoreError::Disk(path, source))
    }

    fn get(&mut self, unit: u64) -> Result<Bytes, StoreError> {
        let read = fs::read(self.paths.shard(unit, self.format));
        read.map(Bytes::from).map_err(|error| StoreError::Lasting(error.into()))
    }

    fn name(&self, unit: u64) -> String {
        self.paths.shard(unit, self.format).to_string_lossy().into_owned()
    }
}
