//! What this process and this machine use: memory and cores.

mod host;

pub use host::{cores, peak_resident};
