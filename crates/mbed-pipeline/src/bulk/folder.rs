//! The folder of a job.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::error::JobError;
use super::journal::Unit;
use crate::OutputFormat;

/// How often, and how long, a lock is waited for.
const PATIENCE: usize = 5;
const MOMENT: Duration = Duration::from_millis(20);

/// The folder of a job, which this process alone works in until the value is dropped or the process dies.
#[derive(Debug)]
pub(super) struct JobFolder {
    paths: Paths,
    _lock: File,
}

/// Where things are in the folder of a job.
#[derive(Clone, Debug)]
pub(super) struct Paths(pub(super) PathBuf);

impl Paths {
    pub(super) fn manifest(&self) -> PathBuf {
        self.0.join("manifest.json")
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    pub(super) fn shards(&self) -> PathBuf {
        self.0.join("shards")
    }

    pub(super) fn shard(&self, unit: u64, format: OutputFormat) -> PathBuf {
        self.shards().join(format!("{unit:08}.{}", format.extension()))
    }

    pub(super) fn dead_folder(&self) -> PathBuf {
        self.0.join("dead")
    }

    pub(super) fn dead(&self, unit: u64) -> PathBuf {
        self.dead_folder().join(format!("{unit:08}.jsonl"))
    }
}

impl JobFolder {
    /// Takes the folder at `path`, which is made where there is none.
    ///
    /// # Errors
    /// Another process has it ([`JobError::Locked`]), it holds something else ([`JobError::Occupied`]), or it cannot
    /// be made.
    pub(super) fn take(path: &Path) -> Result<Self, JobError> {
        let paths = Paths(path.to_owned());
        let failed = |path: PathBuf| move |source| JobError::Folder { path, source };
        fs::create_dir_all(path).map_err(failed(path.to_owned()))?;
        if !paths.lock().exists() && path.read_dir().map_err(failed(path.to_owned()))?.next().is_some() {
            return Err(JobError::Occupied { folder: path.to_owned() });
        }
        let lock = File::options().create(true).truncate(false).write(true).open(paths.lock());
        let lock = lock.map_err(failed(paths.lock()))?;
        match lock_soon(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JobError::Locked { folder: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(JobError::Folder { path: paths.lock(), source }),
        }
        for folder in [paths.shards(), paths.dead_folder()] {
            fs::create_dir_all(&folder).map_err(failed(folder))?;
        }
        Ok(Self { paths, _lock: lock })
    }

    pub(super) const fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Removes what a kill left behind: files of units that are not in the journal.
    ///
    /// # Errors
    /// A folder cannot be listed, or a file not removed.
    pub(super) fn clean(&self, units: &[Unit], format: OutputFormat) -> Result<(), JobError> {
        let known: HashSet<PathBuf> = units
            .iter()
            .flat_map(|unit| [self.paths.shard(unit.number, format), self.paths.dead(unit.number)])
            .collect();
        for folder in [self.paths.shards(), self.paths.dead_folder()] {
            let failed = |source| JobError::Folder { path: folder.clone(), source };
            let entries = folder.read_dir().and_then(Iterator::collect::<io::Result<Vec<_>>>);
            for entry in entries.map_err(failed)?.iter().map(fs::DirEntry::path) {
                if !known.contains(&entry) {
                    fs::remove_file(&entry).map_err(failed)?;
                }
            }
        }
        Ok(())
    }
}

/// Takes the lock, with some patience: whoever asks for the state of a job holds it for a moment.
fn lock_soon(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..PATIENCE {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(MOMENT),
            result => return result,
        }
    }
    lock.try_lock()
}

/// Whether a process works on the job in a folder now.
pub(super) fn is_worked_on(paths: &Paths) -> bool {
    let Ok(lock) = File::open(paths.lock()) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}
