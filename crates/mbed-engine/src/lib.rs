//! From texts to vectors in order: windows, batches that size themselves, overlap, bounded memory.
//!
//! The engine knows no backend: it is given open sessions. Rows come in windows from a [`Source`] and go out,
//! window by window and in their order, to a [`Sink`]. Within a window rows are sorted by length, longest first,
//! and cut into batches by token budget. Tokenising one window, computing the one before and writing the one
//! before that overlap, joined by channels that hold one window each, so memory does not grow with the input.
//!
//! [`Engine::with_memory`] makes batches size themselves: see [`memory`].

mod batch;
mod cancel;
mod engine;
mod error;
mod finish;
mod flow;
pub mod memory;
mod post;
mod reopen;
mod rows;
mod sequences;
mod sizing;
mod stats;
mod tokenise;
mod worker;

pub use cancel::Cancel;
pub use engine::{Engine, EngineOptions};
pub use error::{EngineError, RunError};
pub use finish::{Finish, Rescale};
pub use reopen::Reopen;
pub use rows::{Rows, Sink, Source, Within};
pub use stats::RunStats;
