//! Tensors of `pytorch_model.bin`, read without running anything.
//!
//! A pickle is a program for a small stack machine, and Python's machine may call any function that the program
//! names. The machine here knows [the instructions](machine) that a state dict needs and [a few names](globals) that
//! stand for data; everything else is refused. What comes out is a list of tensors that view storages, and the
//! storages lie in one of two [containers](container): a [zip archive](archive) since torch 1.6, or
//! [one after the other](sequence) in files of before. Values that lie row-major are mapped, never copied.

mod archive;
mod assembly;
mod container;
mod error;
mod globals;
mod layout;
mod machine;
mod reader;
mod sequence;
#[cfg(test)]
mod tests;
mod value;

pub use error::PickleError;

pub(crate) use container::open_file;
