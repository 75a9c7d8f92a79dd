//! All shards of a job as one file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::JobError;
use super::shard::{self, ShardRows};
use super::status::open;
use crate::columns::Columns;
use crate::{
    OutputFormat, PipelineError, Place, Position, Report, Target, VectorType, Window, WriteOptions, Writer,
};

/// Writes the rows of the finished jobs in `folders` to `target`, in the order of the folders and of their inputs.
///
/// # Errors
/// A folder holds no job ([`JobError::NoJob`]), or one that is not finished ([`JobError::Unfinished`]), jobs have other
/// columns than the first, or reading or writing fails.
pub fn merge(folders: &[PathBuf], target: Target, format: OutputFormat) -> Result<Report, JobError> {
    let mut writer: Option<Writer> = None;
    let mut target = Some(target);
    for folder in folders {
        let (paths, manifest, entries) = open(folder)?;
        if entries.done.is_none() {
            return Err(JobError::Unfinished { folder: folder.clone(), done: entries.totals().records });
        }
        for unit in entries.units.iter().filter(|unit| unit.shard_sha256.is_some()) {
            let path = paths.shard(unit.number);
            shard::read(&path, &manifest.output, |rows| {
                let columns = Columns {
                    text: rows.records.schema().index_of(&manifest.output.text_column).unwrap_or_default(),
                    id: None,
                };
                if let Some(target) = target.take() {
                    let vectors = match format {
                        OutputFormat::Parquet | OutputFormat::Arrow => manifest.output.vectors.parse()?,
                        OutputFormat::Jsonl | OutputFormat::Npy => VectorType::Float32,
                    };
                    let options = WriteOptions::new(manifest.output.dimensions)
                        .with_vector_column(&manifest.output.vector_column)
                        .with_vectors(vectors);
                    writer = Some(Writer::create(target, format, rows.records.schema(), &options)?);
                }
                write(writer.as_mut(), rows, &path, columns)
            })?;
        }
    }
    match writer {
        Some(writer) => Ok(writer.finish()?),
        None => Err(PipelineError::NoInput.into()),
    }
}

fn write(
    writer: Option<&mut Writer>,
    rows: ShardRows,
    path: &Path,
    columns: Columns,
) -> Result<(), JobError> {
    let file: Arc<str> = path.to_string_lossy().into();
    let places = (1..=rows.records.num_rows() as u64)
        .map(|row| Place::new(Arc::clone(&file), Position::Row(row)))
        .collect();
    let window = Window::new(rows.records, places, columns)?;
    match writer {
        Some(writer) => Ok(writer.write(&window, &rows.vectors)?),
        None => Ok(()),
    }
}
