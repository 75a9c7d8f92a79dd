//! From what was asked for to a job that is ready to run, or was finished before.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use mbed_core::Bytes;

use super::disk::{Disk, LocalDisk};
use super::error::JobError;
use super::folder::JobFolder;
use super::journal::{Entries, Totals};
use super::manifest::{self, Identity, Manifest};
use super::store::Keep;
use crate::read::BadRecords;
use crate::{InputPlan, OutputFormat, ParquetOptions, PipelineError, ReadOptions, VectorType};

/// What is embedded into which folder.
#[derive(Debug)]
pub struct Job {
    /// The folder, which is made where there is none.
    pub folder: PathBuf,
    /// What is read.
    pub inputs: InputPlan,
    /// How it is read.
    pub read: ReadOptions,
    /// Everything that was asked for and that vectors depend on: a job goes on only where it is asked for again.
    pub asked: Identity,
    /// How the job is done.
    pub options: JobOptions,
    /// Where its files are kept.
    pub disk: Arc<dyn Disk>,
}

/// How a job is done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JobOptions {
    /// What happens to a record that cannot be embedded.
    pub on_error: OnError,
    /// The run ends where more records than this were put aside.
    pub max_errors: Option<u64>,
    /// This run ends, in good order, after so many records.
    pub max_records: Option<u64>,
    /// This run ends, in good order, after this time.
    pub max_time: Option<Duration>,
    /// Records of a unit; as many as take about a second where this is `None`.
    pub unit_records: Option<NonZeroUsize>,
    /// The part of the input that this machine does.
    pub shard: ShardOf,
    /// The name of the column of the vectors.
    pub vector_column: String,
    /// How their values are written.
    pub vectors: VectorType,
    /// The format of shards, where they are files.
    pub format: OutputFormat,
    /// How shards are written where they are Parquet.
    pub parquet: ParquetOptions,
    /// Where rows are kept.
    pub keep: Keep,
    /// How long a sink may be away.
    pub patience: Duration,
    /// About how many bytes may be used to embed texts once that come again; all are embedded where this is `None`.
    pub dedup: Option<Bytes>,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            on_error: OnError::Fail,
            max_errors: None,
            max_records: None,
            max_time: None,
            unit_records: None,
            shard: ShardOf::default(),
            vector_column: "embedding".to_owned(),
            vectors: VectorType::Float32,
            format: OutputFormat::Parquet,
            parquet: ParquetOptions::default(),
            keep: Keep::Folder,
            patience: Duration::from_secs(300),
            dedup: None,
        }
    }
}

/// What happens to a record that cannot be embedded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The run ends.
    #[default]
    Fail,
    /// It is put aside and counted.
    Skip,
}

/// One of several parts of an input, of about the same number of consecutive records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardOf {
    index: u64,
    count: u64,
}

impl ShardOf {
    /// Part `index`, from 0, of `count`; `None` where there is no such part.
    #[must_use]
    pub const fn new(index: u64, count: u64) -> Option<Self> {
        if index < count { Some(Self { index, count }) } else { None }
    }

    /// The first record of this part and the first behind it, of `records` in all.
    #[must_use]
    pub fn range(self, records: u64) -> (u64, u64) {
        let edge = |part: u64| {
            let edge = u128::from(records) * u128::from(part) / u128::from(self.count);
            u64::try_from(edge).unwrap_or(records)
        };
        (edge(self.index), edge(self.index + 1))
    }
}

impl Default for ShardOf {
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl std::fmt::Display for ShardOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for ShardOf {
    type Err = PipelineError;

    /// Reads `0/4` to `3/4`.
    fn from_str(text: &str) -> Result<Self, PipelineError> {
        let parts = text
            .split_once('/')
            .and_then(|(index, count)| Self::new(index.parse().ok()?, count.parse().ok()?));
        parts.ok_or_else(|| PipelineError::UnknownName {
            choice: "part",
            name: text.to_owned(),
            known: vec!["0/1", "0/2", "1/2 and so on, from 0"],
        })
    }
}

/// What there is to do.
#[derive(Debug)]
pub enum Begun {
    /// Nothing: it was finished before.
    Finished(Totals),
    /// Units that are not done.
    Ready(Box<ReadyJob>),
}

/// A job whose folder this process has, ready to go on where it was.
#[derive(Debug)]
pub struct ReadyJob {
    pub(super) folder: JobFolder,
    pub(super) inputs: InputPlan,
    pub(super) read: ReadOptions,
    pub(super) options: JobOptions,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) manifest: Manifest,
    pub(super) entries: Entries,
}

impl Job {
    /// A job on the file system of this machine.
    #[must_use]
    pub fn new(folder: PathBuf, inputs: InputPlan, read: ReadOptions) -> Self {
        let (asked, options) = (Identity::new(), JobOptions::default());
        Self { folder, inputs, read, asked, options, disk: Arc::new(LocalDisk) }
    }

    /// Takes the folder, and finds out whether the job in it is this one and what of it is done.
    ///
    /// # Errors
    /// The folder cannot be taken, an input cannot be read again ([`JobError::NotAFile`]), or the job in the folder was
    /// begun otherwise ([`JobError::OtherJob`]).
    pub fn begin(mut self) -> Result<Begun, JobError> {
        let inputs = manifest::inputs(&self.inputs)?;
        self.ask();
        let folder = JobFolder::take(&self.folder)?;
        let paths = folder.paths();
        let manifest = match Manifest::read(&paths.manifest())? {
            None => Manifest::new(self.asked, inputs),
            Some(manifest) => {
                let differences = manifest.differences(&self.asked, &inputs);
                if !differences.is_empty() {
                    return Err(JobError::OtherJob { folder: self.folder, differences });
                }
                manifest
            }
        };
        let entries = Entries::read(&paths.journal())?;
        if let Some(totals) = entries.done {
            return Ok(Begun::Finished(totals));
        }
        if self.options.on_error == OnError::Skip {
            self.read.bad_records = BadRecords::Collect;
        }
        self.read.known.clone_from(&manifest.known);
        let Self { inputs, read, options, disk, .. } = self;
        Ok(Begun::Ready(Box::new(ReadyJob { folder, inputs, read, options, disk, manifest, entries })))
    }

    /// Adds to what was asked for what this crate knows of it.
    fn ask(&mut self) {
        let options = &self.options;
        let column = |name: &Option<String>| name.clone().unwrap_or_else(|| "auto".to_owned());
        let own = [
            ("input.text_column", column(&self.read.text_column)),
            ("input.id_column", column(&self.read.id_column)),
            ("input.invalid_utf8", self.read.invalid_utf8.to_string()),
            ("input.text_files", format!("{:?}", self.read.text_files).to_lowercase()),
            ("errors", format!("{:?}", options.on_error).to_lowercase()),
            ("shard", options.shard.to_string()),
            ("output.vector_column", options.vector_column.clone()),
            ("output.vectors", options.vectors.to_string()),
            ("output.format", options.format.to_string()),
            ("output.sink", options.keep.identity()),
            ("output.table", options.keep.table().unwrap_or_default()),
        ];
        self.asked.extend(own.map(|(key, value)| (key.to_owned(), value)));
    }
}
