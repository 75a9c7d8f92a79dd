//! The machine and one process on it.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use mbed_core::Bytes;

use crate::files::Files;
use crate::{Bound, Headroom, Limit, ProcessMemory, SystemMemory, cgroup, limits, process, system};

/// How many threads this process may run at once, by affinity and container limits; 1 where that can't be told.
#[must_use]
pub fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// The most memory that this process has had resident at one time, as `getrusage` tells, or `None` where the
/// system does not tell.
#[cfg(unix)]
#[must_use]
pub fn peak_resident() -> Option<Bytes> {
    use nix::sys::resource::{UsageWho, getrusage};

    // Linux and the BSDs count in KiB, Apple's systems in bytes (getrusage(2) of each).
    const UNIT: u64 = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    Some(Bytes::new(u64::try_from(usage.max_rss()).ok()? * UNIT))
}

/// The most memory that this process has had resident at one time: not told on this system.
#[cfg(not(unix))]
#[must_use]
pub fn peak_resident() -> Option<Bytes> {
    None
}

/// The machine and one process on it, as Linux tells in `/proc` and `/sys`. Elsewhere nothing is told.
#[derive(Clone, Debug)]
pub struct Host {
    files: Files,
    process: String,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// This machine and this process.
    #[must_use]
    pub fn new() -> Self {
        Self::at(PathBuf::from("/"))
    }

    /// As [`Host::new`], below another root: `root/proc`, `root/sys`.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { files: Files::at(root), process: "self".to_owned() }
    }

    /// The same machine and another process.
    #[must_use]
    pub fn of_process(mut self, number: u32) -> Self {
        self.process = number.to_string();
        self
    }

    /// Memory of the process.
    #[must_use]
    pub fn process(&self) -> Option<ProcessMemory> {
        process::read(&self.files, &self.process)
    }

    /// Memory of the machine.
    #[must_use]
    pub fn memory(&self) -> Option<SystemMemory> {
        system::memory(&self.files)
    }

    /// Every limit that bounds the memory of the process.
    #[must_use]
    pub fn limits(&self) -> Vec<(Bound, Limit)> {
        let mut found = Vec::new();
        if let Some(memory) = self.memory() {
            let used = Bytes::new(memory.total.get().saturating_sub(memory.available.get()));
            found.push((Bound::Machine, Limit { limit: memory.total, used }));
        }
        if let Some(limit) = cgroup::read(&self.files, &self.process) {
            found.push((Bound::ControlGroup, limit));
        }
        if let Some(memory) = self.process() {
            let limits = limits::read(&self.files, &self.process);
            let bounds = [
                (Bound::AddressSpace, limits.address_space, memory.address_space),
                (Bound::Data, limits.data, memory.data),
            ];
            let stated = bounds.into_iter();
            found.extend(
                stated.filter_map(|(bound, limit, used)| Some((bound, Limit { limit: limit?, used }))),
            );
        }
        found
    }

    /// How much memory the process may still take: the limit that leaves the least counts. `None` where nothing is
    /// told.
    #[must_use]
    pub fn headroom(&self) -> Option<Headroom> {
        Headroom::least(self.limits())
    }

    pub(crate) const fn files(&self) -> &Files {
        &self.files
    }

    pub(crate) fn process_name(&self) -> &str {
        &self.process
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_peak_grows_with_what_is_touched() {
        let before = peak_resident().unwrap().get();
        let touched = vec![1_u8; 200 << 20];
        let after = peak_resident().unwrap().get();
        assert_eq!(touched.iter().map(|&byte| u64::from(byte)).sum::<u64>(), 200 << 20);
        assert!(after >= before + (100 << 20), "{before} to {after}");
    }
}
