//! How far a job is.

use std::path::Path;

use super::error::JobError;
use super::folder::{Paths, is_worked_on};
use super::journal::{Entries, Totals};
use super::manifest::Manifest;

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobStatus {
    /// What a job does.
    pub state: JobState,
    /// All that is committed.
    pub totals: Totals,
    /// Records in all, where they are known.
    pub all: Option<u64>,
    /// Units that are committed.
    pub units: u64,
    /// How long those took.
    pub seconds: f64,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// A process works on it.
    Running,
    /// None does, and there is something left.
    Stopped,
    /// All is done.
    Finished,
}

impl JobState {
    /// In one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
        }
    }
}

/// How far the job in `folder` is, which another process may work on meanwhile.
///
/// # Errors
/// There is no job, or its files cannot be read.
pub fn status(folder: &Path) -> Result<JobStatus, JobError> {
    let (paths, manifest, entries) = open(folder)?;
    let state = match entries.done {
        Some(_) => JobState::Finished,
        None if is_worked_on(&paths) => JobState::Running,
        None => JobState::Stopped,
    };
    Ok(JobStatus {
        state,
        totals: entries.totals(),
        all: manifest.records,
        units: entries.units.len() as u64,
        seconds: entries.units.iter().map(|unit| unit.seconds).sum(),
    })
}

/// What the folder of a job says.
pub(super) fn open(folder: &Path) -> Result<(Paths, Manifest, Entries), JobError> {
    let paths = Paths(folder.to_owned());
    let manifest =
        Manifest::read(&paths.manifest())?.ok_or_else(|| JobError::NoJob { folder: folder.to_owned() })?;
    let entries = Entries::read(&paths.journal())?;
    Ok((paths, manifest, entries))
}
