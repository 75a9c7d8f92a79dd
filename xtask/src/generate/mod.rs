//! `cargo xtask generate`: files that are written by a program and kept in the tree to be read.

mod cli_reference;
mod files;
mod performance;

pub(crate) use files::{BINARY, Mode, all, kernels_page, models_page, run};
