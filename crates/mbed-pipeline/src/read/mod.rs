//! Records in: one streaming reader a format behind one face.

mod arrow;
mod columnar;
mod csv;
mod jsonl;
mod limits;
mod lines;
mod open;
mod parquet;
mod reader;
mod rejected;
mod text;
mod utf8;

pub(crate) use limits::Limits;
pub use limits::MAX_TEXT_BYTES;
pub use reader::{BadRecord, ReadOptions, Reader, TextFiles};
pub(crate) use reader::{BadRecords, Bookmark, Known, Part};
pub use utf8::InvalidUtf8;
