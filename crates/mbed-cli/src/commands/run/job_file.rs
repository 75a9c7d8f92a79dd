//! A job as a file.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use mbed_pipeline::ParquetOptions;
use serde::Deserialize;

use crate::commands::parquet_options::ParquetArguments;
use crate::failure::Failure;
use crate::settings_options::Flags;

/// A job as a file. Names are those of the options of `mbed run`; options are stronger.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct JobFile {
    pub(super) input: Vec<PathBuf>,
    pub(super) output: Option<PathBuf>,
    pub(super) input_format: Option<String>,
    pub(super) text_column: Option<String>,
    pub(super) id_column: Option<String>,
    pub(super) vectors: Option<String>,
    pub(super) vector_column: Option<String>,
    pub(super) format: Option<String>,
    pub(super) row_group_rows: Option<NonZeroUsize>,
    pub(super) zstd: Option<i32>,
    pub(super) sink: Option<String>,
    pub(super) table: Option<String>,
    pub(super) dedup: bool,
    pub(super) on_error: Option<String>,
    pub(super) max_errors: Option<u64>,
    pub(super) shard: Option<String>,
    invalid_utf8: Option<String>,
    model: Option<String>,
    revision: Option<String>,
    prompt: Option<String>,
    prompt_name: Option<String>,
    dimensions: Option<usize>,
    max_length: Option<usize>,
    backend: Option<String>,
    precision: Option<String>,
    threads: Option<usize>,
    chunk: Option<String>,
    chunk_size: Option<String>,
    chunk_overlap: Option<usize>,
}

impl JobFile {
    /// Reads a job. Paths in it are meant from where it is.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let hint = "`mbed run --help` names what a job may say, with `_` for `-`";
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("cannot read job `{}`: {error}", path.display()), None))?;
        let job: Result<Self, _> = toml::from_str(&text);
        let mut job = job.map_err(|error| {
            let words = error.to_string();
            Failure::new(format!("job `{}`: {}", path.display(), words.trim_end()), Some(hint))
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let files = job.input.iter_mut().chain(job.output.as_mut());
        // Addresses of objects are no paths.
        for path in files.filter(|path| !path.to_string_lossy().contains("://")) {
            *path = folder.join(&*path);
        }
        Ok(job)
    }

    /// How Parquet is written.
    pub(super) fn parquet(&self) -> Result<ParquetArguments, Failure> {
        if let Some(level) = self.zstd.filter(|level| !ParquetOptions::ZSTD_LEVELS.contains(level)) {
            let message = format!("zstd has no level {level}");
            return Err(Failure::new(message, Some("choose one from 1 to 22")));
        }
        Ok(ParquetArguments { row_group_rows: self.row_group_rows, zstd: self.zstd })
    }

    /// The settings that it has a word for.
    pub(super) fn flags(&self) -> Flags {
        Flags::default()
            .with("invalid_utf8 of the job", "pipeline.invalid_utf8", self.invalid_utf8.as_ref())
            .with("model of the job", "model.id", self.model.as_ref())
            .with("revision of the job", "model.revision", self.revision.as_ref())
            .with("prompt of the job", "model.prompt", self.prompt.as_ref())
            .with("prompt_name of the job", "model.prompt_name", self.prompt_name.as_ref())
            .with("dimensions of the job", "model.dimensions", self.dimensions)
            .with("max_length of the job", "model.max_length", self.max_length)
            .with("backend of the job", "runtime.backend", self.backend.as_ref())
            .with("precision of the job", "runtime.precision", self.precision.as_ref())
            .with("threads of the job", "runtime.threads", self.threads)
            .with("chunk of the job", "chunking.strategy", self.chunk.as_ref())
            .with("chunk_size of the job", "chunking.size", self.chunk_size.as_ref())
            .with("chunk_overlap of the job", "chunking.overlap", self.chunk_overlap)
    }
}

/// The folder of a job that is named by it, or by its file.
pub(crate) fn output_of(job: &Path) -> Result<PathBuf, Failure> {
    if job.is_dir() {
        return Ok(job.to_owned());
    }
    let output = JobFile::read(job)?.output;
    output.ok_or_else(|| Failure::new(format!("job `{}` names no `output`", job.display()), None))
}
