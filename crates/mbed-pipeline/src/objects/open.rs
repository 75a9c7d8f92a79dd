//! Where objects are.

use std::fmt;
use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::{Object, explain, runtime};
use crate::PipelineError;

/// A prefix in an object store.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    url: String,
}

impl Objects {
    /// Opens `s3://bucket/prefix` or `file:///folder`. What S3 needs beside that, credentials, region and endpoint, is taken
    /// from the variables that its own tools read, `AWS_ACCESS_KEY_ID` and the like.
    ///
    /// # Errors
    /// The address means nothing, or the store cannot be set up.
    pub fn open(url: &str) -> Result<Self, PipelineError> {
        let failed = |source: object_store::Error| PipelineError::read(url, explain(source));
        let unknown = || PipelineError::UnknownAddress { url: url.to_owned() };
        let (scheme, rest) = url.split_once("://").ok_or_else(unknown)?;
        let (store, prefix): (Arc<dyn ObjectStore>, Path) = match scheme {
            "s3" | "s3a" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                // Of TLS libraries in the tree only this one is built. Whoever came first has set the same.
                let _set_before = rustls::crypto::ring::default_provider().install_default();
                let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build();
                (Arc::new(store.map_err(failed)?), Path::parse(prefix).map_err(|error| failed(error.into()))?)
            }
            "file" => {
                let path = Path::from_absolute_path(FilePath::new(rest));
                (Arc::new(LocalFileSystem::new()), path.map_err(|error| failed(error.into()))?)
            }
            _ => return Err(unknown()),
        };
        Ok(Self { store, prefix, url: url.to_owned() })
    }

    /// The objects of `store` below `prefix`; `url` is what messages and manifests call them.
    #[must_use]
    pub fn over(store: Arc<dyn ObjectStore>, prefix: &str, url: &str) -> Self {
        Self { store, prefix: Path::from(prefix), url: url.to_owned() }
    }

    /// Their address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn store(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }

    /// The object called `name` below the prefix.
    pub(crate) fn below(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    /// The object at the address itself, `None` where there is none.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(crate) fn object(&self) -> Result<Option<Object>, PipelineError> {
        let failed = |source: io::Error| PipelineError::read(&self.url, source);
        let head = async { object_store::ObjectStoreExt::head(self.store(), &self.prefix).await };
        // Stores say different things of a prefix; one that cannot be asked says so again when it is to list.
        let meta = runtime().map_err(failed)?.block_on(head).ok();
        Ok(meta.map(|meta| Object::new(Arc::clone(&self.store), &meta)))
    }

    /// All objects below the prefix in the order of their names, each with its address.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub(crate) fn list(&self) -> Result<Vec<(String, Object)>, PipelineError> {
        let failed = |source: io::Error| PipelineError::read(&self.url, source);
        let mut found: Vec<ObjectMeta> = Vec::new();
        let mut folders = vec![self.prefix.clone()];
        while let Some(folder) = folders.pop() {
            let list = async { self.store.list_with_delimiter(Some(&folder)).await };
            let list = runtime().map_err(failed)?.block_on(list).map_err(|error| failed(explain(error)))?;
            found.extend(list.objects);
            folders.extend(list.common_prefixes);
        }
        found.sort_by(|one, other| one.location.cmp(&other.location));
        let below = |meta: &ObjectMeta| {
            let rest = meta.location.as_ref().strip_prefix(self.prefix.as_ref()).unwrap_or_default();
            format!("{}/{}", self.url.trim_end_matches('/'), rest.trim_start_matches('/'))
        };
        let object = |meta: &ObjectMeta| (below(meta), Object::new(Arc::clone(&self.store), meta));
        Ok(found.iter().map(object).collect())
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("url", &self.url).finish_non_exhaustive()
    }
}
