//! The ONNX backend: a spec written out as an ONNX graph, and ONNX Runtime to compute it.
//!
//! [`OnnxBackend`] takes models that are described by an [`EncoderSpec`](mbed_core::spec::EncoderSpec). Nobody has to
//! have exported them: `export/` writes any spec as a graph of standard operators, in memory for a session, or to a
//! folder with [`export`], pooling and head included, for other runtimes.
//!
//! # The library
//!
//! ONNX Runtime is loaded when the backend is first asked for, from where a [`LibrarySearch`] looks; nothing is linked
//! or fetched at build time. A library that is missing or too old is a reason in words, which lists every place that was
//! looked at.
//!
//! # Batches
//!
//! A batch is cut into groups of nearly equal length, whose shorter sequences are filled up and masked. States come out
//! of a first graph, spans are pooled here, and a second graph holds what comes behind pooling.

mod backend;
mod binding;
mod encoder;
mod engines;
mod errors;
mod export;
mod group;
mod library;
mod limits;
mod load;
mod machine;
mod open;
mod placement;
mod pool;
mod processor;
mod provider;
mod session;

pub use backend::OnnxBackend;
pub use export::{ExportError, ExportedFiles, export};
pub use library::{Attempt, LibraryError, LibrarySearch};
