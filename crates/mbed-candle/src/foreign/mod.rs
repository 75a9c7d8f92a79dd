//! The door to candle-transformers: models of architectures that have no spec.

mod config;
mod modernbert;
mod nomic_bert;
mod qwen;
mod roberta;
mod table;
mod tensors;

pub(crate) use table::open;
