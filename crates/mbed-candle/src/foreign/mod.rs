//! The door to candle-transformers: models of architectures that have no spec.

mod config;
mod deberta_v2;
mod table;
mod tensors;

pub(crate) use table::{knows, open};
