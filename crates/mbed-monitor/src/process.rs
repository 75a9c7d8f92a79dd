//! Memory of one process.

use mbed_core::Bytes;
use serde::Serialize;

use crate::files::{Files, field};

/// Memory of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProcessMemory {
    /// What of it is in memory.
    pub resident: Bytes,
    /// The most that was.
    pub peak_resident: Bytes,
    /// Addresses that are taken: mapped files, stacks and what allocators keep in reserve count too.
    pub address_space: Bytes,
    /// Addresses of its own that can be written to, which `RLIMIT_DATA` bounds.
    pub data: Bytes,
}

/// Reads `/proc/PID/status`, which counts in KiB.
pub(crate) fn read(files: &Files, process: &str) -> Option<ProcessMemory> {
    let status = files.text(format!("proc/{process}/status"))?;
    let bytes = |name| field(&status, name).map(|kibibytes| Bytes::new(kibibytes.saturating_mul(1024)));
    Some(ProcessMemory {
        resident: bytes("VmRSS")?,
        peak_resident: bytes("VmHWM")?,
        address_space: bytes("VmSize")?,
        data: bytes("VmData")?,
    })
}
