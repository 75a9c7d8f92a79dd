//! What this machine has of what the backend needs: each library is asked for, and for its version, before it is used.

mod absence;
mod found;
mod machine;
mod search;

pub(crate) use found::{find, precisions};
pub(crate) use machine::ThisMachine;
pub use search::{Attempt, LibrarySearch};
