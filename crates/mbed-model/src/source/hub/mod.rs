//! The Hugging Face hub and the cache that is shared with its Python tools.
//!
//! A model lies there in `models--owner--name`: `blobs/` has the contents, named by digest, `snapshots/COMMIT/`
//! has the files of a commit as links to them, and `refs/NAME` has the commit that a branch or tag stands for.

mod cache;
mod download;
mod transfer;

pub(super) use cache::{Snapshot, find, snapshots};
pub(super) use download::fetch;
