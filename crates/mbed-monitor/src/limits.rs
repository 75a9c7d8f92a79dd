//! Limits that the shell or the starter of a process has set (`ulimit`).

use mbed_core::Bytes;

use crate::files::Files;

/// Limits of one process; `None` where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProcessLimits {
    /// `RLIMIT_AS`
    pub(crate) address_space: Option<Bytes>,
    /// `RLIMIT_DATA`
    pub(crate) data: Option<Bytes>,
}

/// Reads `/proc/PID/limits`: a name of several words, the soft limit, the hard limit, the unit.
pub(crate) fn read(files: &Files, process: &str) -> ProcessLimits {
    let text = files.text(format!("proc/{process}/limits")).unwrap_or_default();
    let soft = |name: &str| {
        let values = text.lines().find_map(|line| line.strip_prefix(name))?;
        // `unlimited` is no number, which is what no limit means here.
        values.split_whitespace().next()?.parse().ok().map(Bytes::new)
    };
    ProcessLimits { address_space: soft("Max address space"), data: soft("Max data size") }
}
