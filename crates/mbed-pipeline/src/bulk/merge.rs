//! All shards of a job as one file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mbed_engine::Cancel;

use super::disk::LocalDisk;
use super::error::JobError;
use super::folder::Paths;
use super::journal::Entries;
use super::manifest::Manifest;
use super::meter::Unwatched;
use super::shard::{self, ShardRows};
use super::status::open;
use super::store::{Keep, Patient};
use crate::columns::Columns;
use crate::write::concatenate;
use crate::{
    OutputFormat, ParquetOptions, PipelineError, Place, Position, Report, Target, VectorType, Window,
    WriteOptions, Writer,
};

/// Writes the rows of the finished jobs in `folders` to `target`, in the order of the folders and of their inputs.
///
/// # Errors
/// A folder holds no job ([`JobError::NoJob`]), or one that is not finished ([`JobError::Unfinished`]), its rows are not
/// kept so that they can be had in this format ([`JobError::NoMerge`]), jobs have other columns than the first, or reading
/// or writing fails.
pub fn merge(
    folders: &[PathBuf],
    target: Target,
    (format, parquet): (OutputFormat, ParquetOptions),
) -> Result<Report, JobError> {
    let parts =
        folders.iter().map(|folder| Part::open(folder.clone(), format)).collect::<Result<Vec<_>, _>>()?;
    // Lines of JSON go one behind the other as they are.
    if parts.iter().all(|part| part.manifest.output.format == OutputFormat::Jsonl.name()) && !parts.is_empty()
    {
        return copy(&parts, &target);
    }
    let mut merged = Merged { target: Some(target), format, parquet, writer: None };
    for part in &parts {
        part.each(|name, bytes| {
            let shape = &part.manifest.output;
            if shape.files() == OutputFormat::Npy {
                return shard::npy_rows((name, bytes), shape, |rows| merged.write(rows, name, part));
            }
            shard::read((name, bytes), shape, |rows| merged.write(rows, name, part))
        })?;
    }
    match merged.writer {
        Some(writer) => Ok(writer.finish()?),
        None => Err(PipelineError::NoInput.into()),
    }
}

fn copy(parts: &[Part], target: &Target) -> Result<Report, JobError> {
    let rows = parts.iter().map(|part| part.entries.totals().written).sum();
    let all = parts.iter().flat_map(|part| part.numbers().map(move |number| part.shard(number)));
    let bytes = concatenate(target, all)?;
    Ok(Report { rows, bytes: mbed_core::Bytes::new(bytes) })
}

/// A finished job.
struct Part {
    paths: Paths,
    manifest: Manifest,
    entries: Entries,
    keep: Keep,
}

impl Part {
    fn open(folder: PathBuf, format: OutputFormat) -> Result<Self, JobError> {
        let (paths, manifest, entries) = open(&folder)?;
        if entries.done.is_none() {
            return Err(JobError::Unfinished { folder, done: entries.totals().records });
        }
        let shape = &manifest.output;
        let kept = shape.files();
        let fits = matches!(kept, OutputFormat::Parquet | OutputFormat::Arrow) || kept == format;
        if shape.is_table() || !fits {
            let kept = if shape.is_table() { "in a table".to_owned() } else { kept.to_string() };
            return Err(JobError::NoMerge { folder, format, kept });
        }
        let keep = Keep::parse(&shape.keep, None)?;
        Ok(Self { paths, manifest, entries, keep })
    }

    /// The units that have a shard.
    fn numbers(&self) -> impl Iterator<Item = u64> {
        self.entries.units.iter().filter(|unit| unit.shard_sha256.is_some()).map(|unit| unit.number)
    }

    fn shard(&self, number: u64) -> Result<Bytes, JobError> {
        let store = self.keep.open((&self.paths, &LocalDisk), &self.manifest.job, &self.manifest.output);
        let stop = Cancel::new();
        Patient { store, patience: Duration::ZERO, stop: &stop, watch: &Unwatched }.get(number)
    }

    fn each(&self, mut take: impl FnMut(&str, Bytes) -> Result<(), JobError>) -> Result<(), JobError> {
        let store = self.keep.open((&self.paths, &LocalDisk), &self.manifest.job, &self.manifest.output);
        self.numbers().try_for_each(|number| take(&store.name(number), self.shard(number)?))
    }
}

/// The file that all rows go into.
struct Merged {
    target: Option<Target>,
    format: OutputFormat,
    parquet: ParquetOptions,
    writer: Option<Writer>,
}

impl Merged {
    fn write(&mut self, rows: ShardRows, name: &str, part: &Part) -> Result<(), JobError> {
        let shape = &part.manifest.output;
        if let Some(target) = self.target.take() {
            let vectors = match self.format {
                OutputFormat::Parquet | OutputFormat::Arrow => shape.vectors.parse()?,
                OutputFormat::Jsonl | OutputFormat::Npy => VectorType::Float32,
            };
            let options = WriteOptions::new(shape.dimensions)
                .with_vector_column(&shape.vector_column)
                .with_vectors(vectors)
                .with_parquet(self.parquet);
            self.writer = Some(Writer::create(target, self.format, rows.records.schema(), &options)?);
        }
        let text = rows.records.schema().index_of(&shape.text_column).unwrap_or_default();
        let file: Arc<str> = name.into();
        let places = (1..=rows.records.num_rows() as u64)
            .map(|row| Place::new(Arc::clone(&file), Position::Row(row)))
            .collect();
        let window = Window::new(rows.records, places, Columns { text, id: None })?;
        match &mut self.writer {
            Some(writer) => Ok(writer.write(&window, &rows.vectors)?),
            None => Ok(()),
        }
    }
}
