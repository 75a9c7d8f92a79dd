//! The rules of `docs/style.md` that a machine can check, each over every file of the tree, and each shown to fail on
//! a bad example.

#![expect(clippy::panic, reason = "this is a test: what cannot be read is a failure that names it")]

mod entry;
mod layers;
mod reserved;
mod size;
mod text;
mod tokens;
mod tree;
mod unsafety;
