//! The writer of all formats.

use std::fmt;
use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

use arrow_schema::SchemaRef;
use mbed_core::{Bytes, Embeddings};

use super::arrow::ArrowSink;
use super::jsonl::JsonSink;
use super::npy::NpySink;
use super::output::Output;
use super::parquet::ParquetSink;
use super::vectors::{OutputColumns, Rows};
use super::{Target, VectorType};
use crate::error::Cause;
use crate::{OutputFormat, PipelineError, Window};

/// How many bytes of vectors a format is handed at a time: enough that the work a batch takes does not count, little
/// next to a window.
const CHUNK_BYTES: usize = 8 << 20;

/// How vectors are written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WriteOptions {
    /// The length of every vector.
    pub dimensions: usize,
    /// The name of the column that they go into.
    pub vector_column: String,
    /// How their values are written.
    pub vectors: VectorType,
    /// How Parquet is written.
    pub parquet: ParquetOptions,
}

/// How Parquet is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParquetOptions {
    /// The most rows of a row group; as many as have about 64 MiB of vectors where this is `None`.
    pub row_group_rows: Option<NonZeroUsize>,
    /// The level of zstd, 1 to 22.
    pub zstd_level: i32,
}

impl ParquetOptions {
    /// The levels of zstd that there are.
    pub const ZSTD_LEVELS: RangeInclusive<i32> = 1..=22;
}

impl Default for ParquetOptions {
    fn default() -> Self {
        Self { row_group_rows: None, zstd_level: 1 }
    }
}

impl WriteOptions {
    /// Vectors of `dimensions` values in a column called `embedding`.
    #[must_use]
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            vector_column: "embedding".to_owned(),
            vectors: VectorType::Float32,
            parquet: ParquetOptions::default(),
        }
    }

    /// Records as they are, without vectors.
    #[must_use]
    pub fn without_vectors() -> Self {
        Self { vectors: VectorType::None, ..Self::new(0) }
    }

    /// Says how values are written.
    #[must_use]
    pub const fn with_vectors(mut self, vectors: VectorType) -> Self {
        self.vectors = vectors;
        self
    }

    /// Says how Parquet is written.
    #[must_use]
    pub const fn with_parquet(mut self, parquet: ParquetOptions) -> Self {
        self.parquet = parquet;
        self
    }

    /// Names the column of the vectors.
    #[must_use]
    pub fn with_vector_column(mut self, name: impl Into<String>) -> Self {
        self.vector_column = name.into();
        self
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Records, each with its vector.
    pub rows: u64,
    /// The size of the output.
    pub bytes: Bytes,
}

/// Writes records and their vectors.
///
/// A file appears when [`Writer::finish`] returns and not before; a writer that is dropped, or one that failed, leaves
/// nothing behind.
pub struct Writer {
    name: String,
    /// `None` after an error.
    sink: Option<Box<dyn Sink>>,
    dimensions: usize,
    rows: u64,
}

/// What one format makes of records.
pub(super) trait Sink: Send {
    /// Adds some rows.
    fn write(&mut self, rows: &Rows<'_>) -> Result<(), SinkError>;
    /// Ends the format and gives the output back, all of it written but not yet committed.
    fn finish(self: Box<Self>) -> Result<Output, SinkError>;
}

/// Why a format could not take rows.
pub(super) enum SinkError {
    /// The rows themselves.
    Rows(PipelineError),
    /// The output, or the library that writes to it.
    Output(Cause),
}

impl<E: Into<Cause>> From<E> for SinkError {
    fn from(error: E) -> Self {
        Self::Output(error.into())
    }
}

impl Writer {
    /// Opens `target` for records with the columns of `schema`.
    ///
    /// # Errors
    /// The target is a folder, or is in one that does not exist or cannot be written in, an input column has the name
    /// of the vectors ([`PipelineError::ColumnTaken`]), or the format cannot hold the columns.
    pub fn create(
        target: Target,
        format: OutputFormat,
        schema: SchemaRef,
        options: &WriteOptions,
    ) -> Result<Self, PipelineError> {
        check(format, options)?;
        Self::over(Output::open(&target)?, format, schema, options)
    }

    /// Writes to `stream` as it comes; `name` is for messages.
    pub(crate) fn to_stream(
        name: String,
        stream: Box<dyn Write + Send>,
        format: OutputFormat,
        (schema, options): (SchemaRef, &WriteOptions),
    ) -> Result<Self, PipelineError> {
        check(format, options)?;
        Self::over(Output::stream(name, stream), format, schema, options)
    }

    fn over(
        output: Output,
        format: OutputFormat,
        schema: SchemaRef,
        options: &WriteOptions,
    ) -> Result<Self, PipelineError> {
        let dimensions = options.dimensions;
        let name = output.name().to_owned();
        let sink: Box<dyn Sink> = match format {
            OutputFormat::Parquet => {
                Box::new(ParquetSink::new(output, OutputColumns::new(&schema, options)?, options.parquet)?)
            }
            OutputFormat::Arrow => Box::new(ArrowSink::new(output, OutputColumns::new(&schema, options)?)?),
            OutputFormat::Jsonl => {
                OutputColumns::new(&schema, options)?;
                Box::new(JsonSink::new(output, schema, options)?)
            }
            OutputFormat::Npy => Box::new(NpySink::new(output, dimensions)?),
        };
        Ok(Self { name, sink: Some(sink), dimensions, rows: 0 })
    }

    /// Writes the records of `window` with `embeddings`, row for row.
    ///
    /// After an error the output is given up: what there was of it is removed, and nothing more is taken.
    ///
    /// # Errors
    /// There are not as many vectors as records or they have another length ([`PipelineError::Shape`]), a value is
    /// not finite where the format is JSONL ([`PipelineError::NotFinite`]), or writing fails
    /// ([`PipelineError::DiskFull`], [`PipelineError::ClosedPipe`], [`PipelineError::Write`]).
    pub fn write(&mut self, window: &Window, embeddings: &Embeddings) -> Result<(), PipelineError> {
        let mut sink = self.take()?;
        self.check_shape(window, embeddings)?;
        let chunk = (CHUNK_BYTES / size_of::<f32>() / self.dimensions.max(1)).max(1);
        for start in (0..window.len()).step_by(chunk) {
            let range = start..window.len().min(start + chunk);
            sink.write(&Rows { window, embeddings, range }).map_err(|error| self.explain(error))?;
        }
        self.rows += window.len() as u64;
        self.sink = Some(sink);
        Ok(())
    }

    /// Writes the records of `window` where no vectors are written.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn write_records(&mut self, window: &Window) -> Result<(), PipelineError> {
        let mut empty = Embeddings::new();
        empty.reset(window.len(), 0);
        self.write(window, &empty)
    }

    /// Ends the output and lets it appear.
    ///
    /// # Errors
    /// Writing fails, or an earlier write did ([`PipelineError::GivenUp`]); there is no output then.
    pub fn finish(mut self) -> Result<Report, PipelineError> {
        let output = self.take()?.finish().map_err(|error| self.explain(error))?;
        let bytes = output.commit().map_err(|source| PipelineError::write(&self.name, source))?;
        Ok(Report { rows: self.rows, bytes: Bytes::new(bytes) })
    }

    /// The sink, which the caller puts back when all went well.
    fn take(&mut self) -> Result<Box<dyn Sink>, PipelineError> {
        self.sink.take().ok_or_else(|| PipelineError::GivenUp { target: self.name.clone() })
    }

    fn check_shape(&self, window: &Window, embeddings: &Embeddings) -> Result<(), PipelineError> {
        let (rows, dimensions) = (embeddings.rows(), embeddings.dimensions());
        if (rows, dimensions) == (window.len(), self.dimensions) {
            return Ok(());
        }
        let (expected_rows, expected_dimensions) = (window.len(), self.dimensions);
        Err(PipelineError::Shape { rows, dimensions, expected_rows, expected_dimensions })
    }

    fn explain(&self, error: SinkError) -> PipelineError {
        match error {
            SinkError::Rows(error) => error,
            SinkError::Output(source) => PipelineError::write(&self.name, source),
        }
    }
}

fn check(format: OutputFormat, options: &WriteOptions) -> Result<(), PipelineError> {
    let dimensions = options.dimensions;
    if dimensions == 0 && options.vectors != VectorType::None {
        return Err(PipelineError::Dimensions { got: dimensions });
    }
    if !options.vectors.fits(format) {
        return Err(PipelineError::VectorType { format, vectors: options.vectors });
    }
    Ok(())
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("target", &self.name).field("rows", &self.rows).finish_non_exhaustive()
    }
}
