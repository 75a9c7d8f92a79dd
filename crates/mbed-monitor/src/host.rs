//! The machine and this process on it.

use std::num::NonZeroUsize;
use std::thread;

use mbed_core::Bytes;

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
