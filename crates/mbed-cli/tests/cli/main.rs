//! The command line as a user meets it: what it writes, what it says, how it fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail loudly too")]

mod bad_input;
mod bench;
mod chunk;
mod commands;
mod config;
mod cuda;
mod embed;
mod interrupted;
mod logging;
mod memory;
mod onnx;
mod run;
#[cfg(target_os = "linux")]
mod running_out;
mod support;
