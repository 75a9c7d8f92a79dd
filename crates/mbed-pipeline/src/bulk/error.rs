//! Why a job could not be done, split by what a caller can do about it.

use std::io;
use std::path::PathBuf;

use mbed_core::Hint;
use mbed_engine::EngineError;

use crate::error::Cause;
use crate::{OutputFormat, PipelineError};

/// Why a job could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The input or the form of the output.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The vectors could not be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The folder is in use by another process.
    #[error("job `{}` is being worked on by another process", folder.display())]
    Locked {
        /// The folder of the job.
        folder: PathBuf,
    },
    /// The folder cannot be made, listed, read or written.
    #[error("cannot use `{}` of the job", path.display())]
    Folder {
        /// A file or folder of the job.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no job in the folder.
    #[error("`{}` is not the folder of a job", folder.display())]
    NoJob {
        /// The folder.
        folder: PathBuf,
    },
    /// There is something else in the folder.
    #[error("folder `{}` is not empty and holds no job", folder.display())]
    Occupied {
        /// The folder.
        folder: PathBuf,
    },
    /// The job in the folder was begun with other inputs, settings or another model.
    #[error("the job in `{}` was begun otherwise:{}", folder.display(), lines(differences))]
    OtherJob {
        /// The folder of the job.
        folder: PathBuf,
        /// What differs, in words.
        differences: Vec<String>,
    },
    /// A file of the job holds what no job writes.
    #[error("`{}` is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A job reads its inputs again after it was killed, which some cannot be.
    #[error("a job cannot read `{path}`: it must be a file that can be read again")]
    NotAFile {
        /// The input.
        path: String,
    },
    /// More records failed than may.
    #[error("{dead} records could not be embedded, at most {most} may")]
    TooManyErrors {
        /// How many failed.
        dead: u64,
        /// How many may.
        most: u64,
    },
    /// A vector with a value that is not finite, where that ends the run.
    #[error("the vector of {row} has a value that is not finite")]
    NotFinite {
        /// The record.
        row: String,
    },
    /// Other records came than were counted before.
    #[error("the input had {expected} records when it was counted, {got} were read")]
    InputChanged {
        /// Records that were counted.
        expected: u64,
        /// Records that were read.
        got: u64,
    },
    /// Writing into the folder failed; what was committed before stays.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An address that names no place for rows.
    #[error("rows cannot be kept in `{url}`: {reason}")]
    BadSink {
        /// The address, without any password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A sink could not be written or read.
    #[error("cannot reach {name}")]
    Sink {
        /// The unit, and where it was to be.
        name: String,
        /// What the library said.
        source: Cause,
    },
    /// Something that a sink cannot hold.
    #[error("{row} cannot be kept: {reason}")]
    Refused {
        /// The record.
        row: String,
        /// Why not.
        reason: String,
    },
    /// Rows that are in no files.
    #[error("the rows of `{}` cannot be merged as {format}: they are {kept}", folder.display())]
    NoMerge {
        /// The folder of the job.
        folder: PathBuf,
        /// What was asked for.
        format: OutputFormat,
        /// How they are kept.
        kept: String,
    },
    /// A shard could not be read back.
    #[error("shard `{}` cannot be read", path.display())]
    Shard {
        /// The file.
        path: PathBuf,
        /// What the library said.
        source: Cause,
    },
    /// The job has units to do.
    #[error("the job in `{}` is not finished: {done} records are done", folder.display())]
    Unfinished {
        /// The folder of the job.
        folder: PathBuf,
        /// How many records are done.
        done: u64,
    },
}

fn lines(differences: &[String]) -> String {
    differences.iter().map(|difference| format!("\n  {difference}")).collect()
}

impl Hint for JobError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Pipeline(error) => return error.hint(),
            Self::Engine(error) => return error.hint(),
            Self::Locked { .. } => "wait for it, or end it: the lock goes with its process",
            Self::NoJob { .. } => "name the folder that `mbed run --output` was given",
            Self::Occupied { .. } => "name a new folder, or an empty one",
            Self::OtherJob { .. } => "run it as it was begun, or begin another job in another folder",
            Self::Damaged { .. } => "begin again in another folder",
            Self::NotAFile { .. } => "save it to a file first",
            Self::TooManyErrors { .. } => "`dead/` in the folder of the job tells what was wrong with each",
            Self::NotFinite { .. } => {
                "`--on-error skip` puts such records aside; a higher precision may help"
            }
            Self::InputChanged { .. } => "a file changed during the run: begin again in another folder",
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free some space and run again: nothing that was committed is lost"
            }
            Self::Write { .. } => "run again once it can be written: nothing that was committed is lost",
            Self::Sink { .. } => "run again once it can be reached: nothing that was committed is lost",
            Self::BadSink { .. } => {
                "known are `s3://bucket/prefix`, `file:///folder` and `postgresql://user@host/database`"
            }
            Self::Refused { .. } => "`--on-error skip` puts such records aside",
            Self::NoMerge { .. } => "Parquet and Arrow hold all that any other format needs",
            Self::Unfinished { .. } => "`mbed run` goes on with it",
            Self::Folder { .. } | Self::Shard { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
