//! What everything was at one moment.

use mbed_core::Bytes;
use serde::Serialize;

use crate::system::{self, Ticks};
use crate::{Bound, GpuSample, Headroom, Host, Limit, ProcessMemory, SystemMemory};

/// What everything was at one moment.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Sample {
    /// Seconds since the first sample.
    pub seconds: f64,
    /// The machine and the process.
    pub host: HostSample,
    /// The graphics cards; none where there is no management library.
    pub gpus: Vec<GpuSample>,
}

/// The machine and the process at one moment. What the system does not tell is `None`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HostSample {
    /// Use of the cores since the sample before; none in the first.
    pub cpu: Option<CpuUse>,
    /// Memory of the process.
    pub process: Option<ProcessMemory>,
    /// Memory of the machine.
    pub memory: Option<SystemMemory>,
    /// How much memory the process may still take.
    pub headroom: Option<Headroom>,
    /// Every limit that bounds it.
    pub limits: Vec<(Bound, Limit)>,
    /// The hottest sensor, in degrees Celsius.
    pub hottest_celsius: Option<f64>,
}

/// Use of the cores between two samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CpuUse {
    /// The part of all cores that was busy, 0 to 1.
    pub busy: f64,
    /// How many cores the process kept busy.
    pub process_cores: Option<f64>,
}

impl HostSample {
    /// Reads everything; `before` are the ticks of the sample before.
    pub(crate) fn take(host: &Host, before: &mut Option<Ticks>) -> Self {
        let now = system::ticks(host.files(), host.process_name());
        let cpu = before.zip(now).and_then(|(before, now)| CpuUse::between(before, now, host));
        *before = now;
        Self {
            cpu,
            process: host.process(),
            memory: host.memory(),
            headroom: host.headroom(),
            limits: host.limits(),
            hottest_celsius: system::hottest(host.files()),
        }
    }

    /// What of the process is in memory, 0 where that is not told.
    #[must_use]
    pub fn resident(&self) -> Bytes {
        self.process.map_or_else(Bytes::default, |process| process.resident)
    }
}

impl CpuUse {
    fn between(before: Ticks, now: Ticks, host: &Host) -> Option<Self> {
        let all = now.all.checked_sub(before.all).filter(|&all| all > 0)? as f64;
        let busy = now.busy.saturating_sub(before.busy) as f64 / all;
        let cores = system::core_count(host.files())? as f64;
        let process = now.process.zip(before.process);
        let process_cores = process.map(|(now, before)| now.saturating_sub(before) as f64 / all * cores);
        Some(Self { busy, process_cores })
    }
}
