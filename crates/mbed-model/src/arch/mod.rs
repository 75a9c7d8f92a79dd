//! Architectures: how `config.json` becomes an encoder spec and what its tensors are called.

mod albert;
mod bert;
mod config;
mod decoder;
mod distilbert;
mod electra;
mod families;
mod foreign;
mod gemma3;
mod gte;
mod jina;
mod modernbert;
mod mpnet;
mod names;
mod nomic_bert;
mod roberta;
mod rotary;
pub(crate) mod sizes;
mod t5;

pub(crate) use config::ConfigFile;
pub use families::known_families;
pub(crate) use families::{Described, UNBOUNDED, add_head, describe};
