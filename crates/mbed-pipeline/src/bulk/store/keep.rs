//! Which of the places it is.

use super::{FolderStore, Store};
use crate::bulk::disk::Disk;
use crate::bulk::error::JobError;
use crate::bulk::folder::Paths;
use crate::bulk::manifest::Shape;
#[cfg(feature = "objects")]
use crate::objects::Objects;

/// Where the rows of a job are kept with their vectors. The job itself, its journal and its dead letters, is always in its
/// folder.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Keep {
    /// In files in the folder of the job.
    #[default]
    Folder,
    /// In one object a unit.
    #[cfg(feature = "objects")]
    Objects(Objects),
    /// In a table of PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(Box<super::PostgresTable>),
}

/// How the folder of the job is named in manifests.
const FOLDER: &str = "folder";

impl Keep {
    /// Reads `s3://bucket/prefix`, `file:///folder` and `postgresql://user@host/database`; rows of the last go into `table`.
    ///
    /// # Errors
    /// It names nothing that rows can be kept in, or something that this build leaves out.
    pub fn parse(url: &str, table: Option<&str>) -> Result<Self, JobError> {
        if url == FOLDER {
            return Ok(Self::Folder);
        }
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        let bad = |reason: String| JobError::BadSink { url: url.to_owned(), reason };
        match scheme {
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => {
                Ok(Self::Postgres(Box::new(super::PostgresTable::parse(url, table)?)))
            }
            _ if table.is_some() => Err(bad("only PostgreSQL has tables".to_owned())),
            #[cfg(feature = "objects")]
            "s3" | "s3a" | "file" => Ok(Self::Objects(Objects::open(url)?)),
            #[cfg(not(all(feature = "objects", feature = "postgres")))]
            "s3" | "s3a" | "file" | "postgres" | "postgresql" => {
                Err(bad("this mbed was built without it".to_owned()))
            }
            _ => Err(bad("it begins with none of `s3://`, `file://` and `postgresql://`".to_owned())),
        }
    }

    /// Its name in manifests and in what is compared, without any password.
    #[must_use]
    pub fn identity(&self) -> String {
        match self {
            Self::Folder => FOLDER.to_owned(),
            #[cfg(feature = "objects")]
            Self::Objects(objects) => objects.url().to_owned(),
            #[cfg(feature = "postgres")]
            Self::Postgres(table) => table.url().to_owned(),
        }
    }

    /// The name of the table, where it is one.
    #[must_use]
    pub fn table(&self) -> Option<String> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(table) => Some(table.name().to_owned()),
            _ => None,
        }
    }

    /// Opens it for the job called `job`, whose rows look like `shape`.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "only tables have jobs"))]
    pub(in crate::bulk) fn open<'a>(
        &self,
        (paths, disk): (&'a Paths, &'a dyn Disk),
        job: &str,
        shape: &Shape,
    ) -> Box<dyn Store + 'a> {
        match self {
            Self::Folder => Box::new(FolderStore { paths, disk, format: shape.files() }),
            #[cfg(feature = "objects")]
            Self::Objects(objects) => {
                Box::new(super::ObjectStoreOf { objects: objects.clone(), format: shape.files() })
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(table) => Box::new(super::PostgresStore::new(table.as_ref().clone(), job, shape)),
        }
    }
}
