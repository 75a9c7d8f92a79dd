//! Records and vectors out: one streaming writer a format behind one face, and files that appear whole.

mod arrow;
mod jsonl;
mod npy;
mod output;
mod parquet;
mod replace;
mod vector_type;
mod vectors;
mod writer;

pub(crate) use npy::HEADER_BYTES as NPY_HEADER_BYTES;
pub use output::Target;
pub(crate) use output::concatenate;
pub use vector_type::VectorType;
pub(crate) use vector_type::scale_column;
pub use writer::{ParquetOptions, Report, WriteOptions, Writer};
