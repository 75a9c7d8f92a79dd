//! Memory, cores and heat of the whole machine.

use mbed_core::Bytes;
use serde::Serialize;

use crate::files::{Files, field};

/// Memory of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SystemMemory {
    /// What is built in.
    pub total: Bytes,
    /// What can be taken without swapping, as the kernel estimates it.
    pub available: Bytes,
    /// Room for swapping.
    pub swap_total: Bytes,
    /// How much of that is free.
    pub swap_free: Bytes,
}

/// Reads `/proc/meminfo`, which counts in KiB.
pub(crate) fn memory(files: &Files) -> Option<SystemMemory> {
    let text = files.text("proc/meminfo")?;
    let bytes = |name| field(&text, name).map(|kibibytes| Bytes::new(kibibytes.saturating_mul(1024)));
    Some(SystemMemory {
        total: bytes("MemTotal")?,
        available: bytes("MemAvailable")?,
        swap_total: bytes("SwapTotal").unwrap_or_default(),
        swap_free: bytes("SwapFree").unwrap_or_default(),
    })
}

/// What the cores have done since the start, in ticks of all cores together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticks {
    pub(crate) busy: u64,
    pub(crate) all: u64,
    /// Those of one process.
    pub(crate) process: Option<u64>,
}

/// Reads the first line of `/proc/stat` and fields 14 and 15 of `/proc/PID/stat` (proc(5)).
pub(crate) fn ticks(files: &Files, process: &str) -> Option<Ticks> {
    let text = files.text("proc/stat")?;
    let line = text.lines().find(|line| line.starts_with("cpu "))?;
    // The last two of ten are guests, which the first two count already.
    let values: Vec<u64> =
        line.split_whitespace().skip(1).take(8).filter_map(|word| word.parse().ok()).collect();
    let idle: u64 = values.iter().skip(3).take(2).sum();
    let all: u64 = values.iter().sum();
    Some(Ticks { busy: all.saturating_sub(idle), all, process: process_ticks(files, process) })
}

/// What the cores have done for one process.
pub(crate) fn process_ticks(files: &Files, process: &str) -> Option<u64> {
    let text = files.text(format!("proc/{process}/stat"))?;
    // The name, field 2, stands in parentheses and may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let times = rest.split_whitespace().skip(11).take(2);
    times.map(|word| word.parse::<u64>().ok()).sum()
}

/// How many cores the machine has switched on.
pub(crate) fn core_count(files: &Files) -> Option<usize> {
    let text = files.text("proc/stat")?;
    let is_core = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
    };
    Some(text.lines().filter(is_core).count())
}

/// The hottest sensor, in degrees Celsius, where the system has one.
pub(crate) fn hottest(files: &Files) -> Option<f64> {
    const ZONES: &str = "sys/class/thermal";
    let zones = files.names(ZONES).into_iter().filter(|name| name.starts_with("thermal_zone"));
    let heats = zones.filter_map(|zone| files.number(format!("{ZONES}/{zone}/temp")));
    heats.max().map(|thousandths| thousandths as f64 / 1000.0)
}
