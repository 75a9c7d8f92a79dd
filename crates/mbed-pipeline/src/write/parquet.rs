//! Parquet.

use std::num::NonZeroUsize;

use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::output::Output;
use super::vectors::{OutputColumns, Rows};
use super::writer::{ParquetOptions, Sink, SinkError};
use crate::{OutputFormat, PipelineError};

/// The size of a row group, which is held in memory until it is whole, here and by many readers. The advice of
/// <https://parquet.apache.org/docs/file-format/configurations/>, 512 MiB to 1 GiB, is for scans of distributed file
/// systems; here little memory comes first.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Writes row groups of a bounded size.
pub(super) struct ParquetSink {
    columns: OutputColumns,
    writer: ArrowWriter<Output>,
}

impl ParquetSink {
    pub(super) fn new(
        output: Output,
        columns: OutputColumns,
        options: ParquetOptions,
    ) -> Result<Self, PipelineError> {
        let unsupported = |source: ParquetError| PipelineError::UnsupportedColumns {
            format: OutputFormat::Parquet,
            source: source.into(),
        };
        let properties = properties(&columns, options).map_err(unsupported)?;
        let name = output.name().to_owned();
        let writer = ArrowWriter::try_new(output, columns.schema().clone(), Some(properties))
            .map_err(|source| PipelineError::write(&name, source))?;
        Ok(Self { columns, writer })
    }
}

impl Sink for ParquetSink {
    fn write(&mut self, rows: &Rows<'_>) -> Result<(), SinkError> {
        let batch = self.columns.join(rows)?;
        Ok(self.writer.write(&batch)?)
    }

    fn finish(self: Box<Self>) -> Result<Output, SinkError> {
        Ok(self.writer.into_inner()?)
    }
}

/// zstd for all columns. The values of vectors hardly repeat: for them no dictionary is tried, and no
/// smallest and largest value kept.
fn properties(columns: &OutputColumns, options: ParquetOptions) -> Result<WriterProperties, ParquetError> {
    let rows =
        options.row_group_rows.map_or((ROW_GROUP_BYTES / columns.vector_bytes()).max(1), NonZeroUsize::get);
    // Both, because bytes are counted after compression and rows have no size.
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(options.zstd_level)?))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_max_row_group_row_count(Some(rows));
    let leaves = ArrowSchemaConverter::new().convert(columns.schema())?;
    if let Some(values) = leaves.columns().last().filter(|_| columns.has_vectors()) {
        properties = properties
            .set_column_dictionary_enabled(values.path().clone(), false)
            .set_column_statistics_enabled(values.path().clone(), EnabledStatistics::None);
    }
    Ok(properties.build())
}
