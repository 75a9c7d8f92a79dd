//! Shards as objects.

use bytes::Bytes;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::{Store, StoreError};
use crate::OutputFormat;
use crate::objects::{Objects, runtime};

/// One object a unit. To put one is atomic on every object store, so that there is no temporary name.
pub(in crate::bulk) struct ObjectStoreOf {
    pub(in crate::bulk) objects: Objects,
    pub(in crate::bulk) format: OutputFormat,
}

impl ObjectStoreOf {
    fn path(&self, unit: u64) -> object_store::path::Path {
        self.objects.below(&format!("{unit:08}.{}", self.format.extension()))
    }

    fn explain(error: object_store::Error) -> StoreError {
        use object_store::Error as E;
        match error {
            E::NotFound { .. }
            | E::InvalidPath { .. }
            | E::NotSupported { .. }
            | E::NotImplemented { .. }
            | E::PermissionDenied { .. }
            | E::Unauthenticated { .. }
            | E::UnknownConfigurationKey { .. } => StoreError::Lasting(error.into()),
            _ => StoreError::Passing(error.into()),
        }
    }
}

impl Store for ObjectStoreOf {
    /// A killed run was at work on one unit, so there is at most one object too many.
    fn forget(&mut self, next: u64) -> Result<(), StoreError> {
        let (store, path) = (self.objects.store(), self.path(next));
        let runtime = runtime().map_err(|error| StoreError::Lasting(error.into()))?;
        match runtime.block_on(store.delete(&path)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Self::explain(error)),
        }
    }

    fn put(&mut self, unit: u64, bytes: &Bytes) -> Result<(), StoreError> {
        let (store, path) = (self.objects.store(), self.path(unit));
        let runtime = runtime().map_err(|error| StoreError::Lasting(error.into()))?;
        let put = runtime.block_on(store.put(&path, PutPayload::from_bytes(bytes.clone())));
        put.map(drop).map_err(Self::explain)
    }

    fn get(&mut self, unit: u64) -> Result<Bytes, StoreError> {
        let (store, path) = (self.objects.store(), self.path(unit));
        let runtime = runtime().map_err(|error| StoreError::Lasting(error.into()))?;
        runtime.block_on(async { store.get(&path).await?.bytes().await }).map_err(Self::explain)
    }

    fn name(&self, unit: u64) -> String {
        format!("{}/{unit:08}.{}", self.objects.url().trim_end_matches('/'), self.format.extension())
    }
}
