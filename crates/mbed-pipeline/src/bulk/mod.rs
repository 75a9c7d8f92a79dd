//! Bulk jobs: work in units, each committed by itself, so that a run that is killed at any moment goes on where it was.
//!
//! A job has a folder. `manifest.json` says what it is, `journal` which units are done, `shards/` holds one file a unit,
//! `dead/` what could not be embedded. Rows can be kept in object storage or in a table instead ([`Keep`]). A unit is written under a temporary name, synced, renamed, and only then
//! entered into the journal, which is append-only, each line with a checksum over itself and all lines before it. What is
//! not in the journal does not exist: it is removed and made again.

mod copy;
mod dead;
mod dedup;
mod disk;
mod error;
mod folder;
mod job;
mod journal;
mod manifest;
mod merge;
mod meter;
mod pause;
mod run;
mod shard;
mod sink;
mod status;
mod store;
mod units;
mod verify;

pub use disk::{Disk, LocalDisk};
pub use error::JobError;
pub use job::{Begun, Job, JobOptions, OnError, ReadyJob, ShardOf};
pub use journal::Totals;
pub use manifest::Identity;
pub use merge::merge;
pub use meter::{Drift, JobWatch, Snapshot, Unwatched};
pub use pause::Pause;
pub use run::{JobReport, Watchers};
pub use status::{JobState, JobStatus, status};
pub use store::Keep;
#[cfg(feature = "postgres")]
pub use store::PostgresTable;
pub use verify::{Check, Verified, verify};
