//! Where the rows of units are kept: in the folder of the job, on object storage, or in a table.

mod contract;
mod folder;
mod keep;
#[cfg(feature = "objects")]
mod objects;
mod patience;
#[cfg(feature = "postgres")]
mod postgres;

use contract::{Store, StoreError};
use folder::FolderStore;
pub use keep::Keep;
#[cfg(feature = "objects")]
use objects::ObjectStoreOf;
pub(super) use patience::Patient;
#[cfg(feature = "postgres")]
use postgres::PostgresStore;
#[cfg(feature = "postgres")]
pub use postgres::PostgresTable;
