//! Parquet files.

use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::columnar::{Batches, Opened};
use super::limits::Limits;
use super::open::Seekable;
use crate::error::Cause;
use crate::plan::InputFile;
use crate::{InputFormat, PipelineError};

/// Reads what `file` says of itself: its columns, its rows, and how large they are.
pub(super) fn open(file: &InputFile, limits: Limits) -> Result<Opened, PipelineError> {
    let seekable = Seekable::of(file)?;
    survey(seekable, limits)
        .map_err(|source| PipelineError::corrupt(&file.name(), InputFormat::Parquet, source))
}

fn survey(seekable: Seekable, limits: Limits) -> Result<Opened, Cause> {
    let metadata = ArrowReaderMetadata::load(&seekable.open()?, ArrowReaderOptions::new())?;
    let schema = metadata.schema().clone();
    let rows = u64::try_from(metadata.metadata().file_metadata().num_rows())?;
    let batch_rows = batch_rows(&metadata, limits);
    let batches = move |left_out: u64| -> Result<Batches, Cause> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(seekable.open()?)?;
        let reader = reader.with_offset(usize::try_from(left_out)?);
        Ok(Box::new(reader.with_batch_size(batch_rows).build()?))
    };
    Ok(Opened { schema, rows: Some(rows), batches: Box::new(batches) })
}

/// How many rows to decode at a time, so that a batch is no larger than a window may be. The sizes in the file are
/// those before decoding, so values that repeat can make a batch larger than they say.
fn batch_rows(metadata: &ArrowReaderMetadata, limits: Limits) -> usize {
    let groups = metadata.metadata().row_groups().iter();
    let row_bytes = groups.map(|group| group.total_byte_size() / group.num_rows().max(1)).max();
    let row_bytes = row_bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(1);
    (limits.bytes / row_bytes.max(1)).clamp(1, limits.rows)
}
