//! Objects as files: S3 and what speaks its protocol, folders by URL, and stores in memory.

mod open;
mod read;
mod runtime;

pub use open::Objects;
pub(crate) use read::{Object, ObjectReader};
pub(crate) use runtime::{explain, runtime};
