//! A process of its own for each thing that is measured.
//!
//! Memory, processor time and what a library leaves running then belong to one measurement alone, and a crash ends one cell
//! and not the run. The parent writes a [`Request`] a line, the child answers with a [`Reply`] a line.

mod client;
mod protocol;
mod serve;
mod spans;
mod texts;

pub use client::{Launcher, Worker};
pub use protocol::{Opened, Ran, Reply, Request};
pub use serve::serve;
