//! A backend whose vectors can be told beforehand, and which fails on demand.
//!
//! It computes with whole numbers that binary32 holds exactly, so its vectors are compared bit for bit. It takes any
//! encoder spec, of which it uses the tables' sizes alone, and no weights.

mod backend;
mod log;
mod options;
mod session;
mod text;
mod vector;

pub use backend::{FakeBackend, MAX_TOKENS, SEGMENTS, VOCABULARY, source};
pub use log::{FakeLog, SeenBatch};
pub use options::{FakeOptions, Hook, Mishap};
pub use text::encoder;
pub use vector::{DIMENSIONS, vector_of};
