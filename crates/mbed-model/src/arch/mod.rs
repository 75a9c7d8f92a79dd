//! Architectures: how `config.json` becomes an encoder spec and what its tensors are called.

mod bert;
mod config;
mod families;
mod foreign;

pub(crate) use config::ConfigFile;
pub(crate) use families::describe;
pub use families::known_families;
