//! Objects as bytes at any place.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _};

use super::{explain, runtime};

/// How much is asked for at a time: enough that the time a request takes to begin hardly counts.
const REQUEST_BYTES: u64 = 8 << 20;

/// An object as it was found.
#[derive(Clone)]
pub(crate) struct Object {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
    modified_ns: u64,
    /// The mark of its content, where the store has one.
    e_tag: Option<String>,
}

impl Object {
    pub(super) fn new(store: Arc<dyn ObjectStore>, meta: &ObjectMeta) -> Self {
        let modified = meta.last_modified.timestamp_nanos_opt();
        Self {
            store,
            path: meta.location.clone(),
            size: meta.size,
            modified_ns: modified.and_then(|time| u64::try_from(time).ok()).unwrap_or_default(),
            e_tag: meta.e_tag.clone(),
        }
    }

    /// The object as it is now.
    ///
    /// # Errors
    /// It is gone, or the store cannot be asked.
    pub(crate) fn again(&self) -> io::Result<Self> {
        let head = async { self.store.head(&self.path).await };
        let meta = runtime()?.block_on(head).map_err(explain)?;
        Ok(Self::new(Arc::clone(&self.store), &meta))
    }

    /// Its size, and when it was changed last in nanoseconds since 1970.
    pub(crate) const fn stamp(&self) -> (u64, u64) {
        (self.size, self.modified_ns)
    }

    /// Reads it from its start.
    pub(crate) fn reader(&self) -> ObjectReader {
        ObjectReader { object: self.clone(), position: 0, chunk: Bytes::new(), chunk_start: 0 }
    }

    fn range(&self, start: u64) -> io::Result<Bytes> {
        let end = self.size.min(start.saturating_add(REQUEST_BYTES));
        // An object that was replaced meanwhile is an error, not a mixture of both.
        let options = GetOptions {
            if_match: self.e_tag.clone(),
            range: Some(GetRange::Bounded(start..end)),
            ..GetOptions::default()
        };
        let bytes = async { self.store.get_opts(&self.path, options).await?.bytes().await };
        runtime()?.block_on(bytes).map_err(explain)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("path", &self.path).field("size", &self.size).finish_non_exhaustive()
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, self.size, self.modified_ns, &self.e_tag)
            == (&other.path, other.size, other.modified_ns, &other.e_tag)
    }
}

impl Eq for Object {}

/// Reads an object, a few megabytes a request.
#[derive(Clone, Debug)]
pub(crate) struct ObjectReader {
    object: Object,
    position: u64,
    chunk: Bytes,
    chunk_start: u64,
}

impl ObjectReader {
    pub(crate) const fn len(&self) -> u64 {
        self.object.size
    }

    /// What of the last request is still to be read.
    fn ready(&self) -> &[u8] {
        let offset =
            self.position.checked_sub(self.chunk_start).and_then(|offset| usize::try_from(offset).ok());
        offset.and_then(|offset| self.chunk.get(offset..)).unwrap_or_default()
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.position >= self.object.size {
            return Ok(0);
        }
        if self.ready().is_empty() {
            self.chunk = self.object.range(self.position)?;
            self.chunk_start = self.position;
        }
        let ready = self.ready();
        let count = ready.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(from);
        }
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.object.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
