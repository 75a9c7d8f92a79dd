//! Model folders that are damaged, contradict themselves, or ask for what is not computed: each gets an error that
//! names the file, and none a panic or a vector that is not the model's.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: what does not work is a failure")]

mod config;
mod families;
mod files;
mod modules;
mod support;
mod text;
mod weights;
