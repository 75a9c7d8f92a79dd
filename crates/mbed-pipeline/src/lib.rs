//! Files in and files out: records with their columns, read in windows and written whole or not at all.
//!
//! [`plan_inputs`] turns paths, folders and standard input into an [`InputPlan`]. A [`Reader`] streams its records
//! as [`Window`]s, each with every input column and quick access to the texts. A [`Writer`] takes the windows
//! back, each with its vectors, and commits the output at the end. Memory is bounded by one window, whatever the
//! size of the input.
//!
//! ```
//! use mbed_core::Embeddings;
//! use mbed_pipeline::{OutputFormat, Reader, ReadOptions, Target, WriteOptions, Writer, plan_inputs};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let notes = folder.path().join("notes.txt");
//! # let vectors = folder.path().join("vectors.npy");
//! std::fs::write(&notes, "first\nsecond\n")?;
//! let mut reader = Reader::open(&plan_inputs(&[notes], None)?, &ReadOptions::default())?;
//! let options = WriteOptions::new(3);
//! let mut writer = Writer::create(Target::File(vectors), OutputFormat::Npy, reader.schema(), &options)?;
//! while let Some(window) = reader.next_window()? {
//!     let mut embeddings = Embeddings::new();
//!     embeddings.reset(window.len(), 3);
//!     writer.write(&window, &embeddings)?;
//! }
//! assert_eq!(writer.finish()?.rows, 2);
//! # Ok(())
//! # }
//! ```

pub mod bulk;
mod chunked;
mod columns;
mod compression;
mod error;
mod flow;
mod format;
mod hint;
mod names;
#[cfg(not(feature = "objects"))]
#[path = "no_objects.rs"]
mod objects;
#[cfg(feature = "objects")]
mod objects;
mod pattern;
mod place;
mod plan;
mod read;
mod walk;
mod window;
mod write;

pub use chunked::{ChunkedReader, Windows};
pub use columns::JSON_TEXT;
pub use error::PipelineError;
pub use flow::BackgroundReader;
pub use format::{InputFormat, OutputFormat};
#[cfg(feature = "objects")]
pub use objects::Objects;
pub use place::{Place, Position};
#[cfg(feature = "objects")]
pub use plan::plan_objects;
pub use plan::{InputFile, InputPlan, plan_inputs};
pub use read::{BadRecord, InvalidUtf8, MAX_TEXT_BYTES, ReadOptions, Reader, TextFiles};
pub use window::Window;
pub use write::{ParquetOptions, Report, Target, VectorType, WriteOptions, Writer};
