//! Records in and out: what is read of files, and what is written with vectors.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: what does not work is a failure")]

mod chunks;
mod columnar;
mod files;
mod jsonl;
mod plan;
mod support;
mod tables;
mod text;
mod write;
