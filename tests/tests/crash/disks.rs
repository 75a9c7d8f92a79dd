//! Disks that fail, or take the process with them, at one step.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mbed_pipeline::bulk::{Disk, LocalDisk};

/// When a disk strikes, seen from its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Nothing of the step is done.
    Before,
    /// Of bytes one half is written.
    During,
    /// All of it is done.
    After,
}

impl When {
    pub(crate) const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];

    pub(crate) fn parse(word: &str) -> Self {
        Self::ALL.into_iter().find(|when| format!("{when:?}") == word).unwrap()
    }
}

/// What a disk does at its step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    /// An error, as of a full disk.
    Error,
    /// SIGKILL to this process.
    Kill,
    /// None of its own: a line is added to this file, as if another program did.
    Grow(PathBuf),
    /// None of its own: the first file becomes the second, as if another program did.
    Replace(PathBuf, PathBuf),
}

/// A disk that strikes at one step, counted from 0.
#[derive(Debug)]
pub(crate) struct BadDisk {
    pub(crate) step: usize,
    pub(crate) when: When,
    pub(crate) strike: Strike,
    taken: AtomicUsize,
}

impl BadDisk {
    pub(crate) fn new(step: usize, when: When, strike: Strike) -> Self {
        Self { step, when, strike, taken: AtomicUsize::new(0) }
    }

    /// How many steps were taken.
    pub(crate) fn steps(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    fn take(
        &self,
        half: impl FnOnce() -> io::Result<()>,
        whole: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        if self.taken.fetch_add(1, Ordering::SeqCst) != self.step {
            return whole();
        }
        match self.when {
            When::Before => {}
            When::During => half()?,
            When::After => whole()?,
        }
        match &self.strike {
            Strike::Kill => kill(),
            Strike::Grow(path) => return LocalDisk.append(path, b"{\"text\": \"1\"}\n"),
            Strike::Replace(path, other) => return std::fs::copy(other, path).map(drop),
            Strike::Error => {}
        }
        Err(io::Error::new(io::ErrorKind::StorageFull, "no space is left"))
    }
}

/// Ends this process as nothing can be caught or tidied up.
fn kill() -> ! {
    let done = Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
    assert!(done.unwrap().success());
    loop {
        thread::park();
    }
}

impl Disk for BadDisk {
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.take(|| LocalDisk.write(path, &bytes[..bytes.len() / 2]), || LocalDisk.write(path, bytes))
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.take(|| LocalDisk.append(path, &bytes[..bytes.len() / 2]), || LocalDisk.append(path, bytes))
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.take(|| Ok(()), || LocalDisk.sync(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.take(|| Ok(()), || LocalDisk.rename(from, to))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.take(|| Ok(()), || LocalDisk.sync_folder(path))
    }
}
