//! What changed on a machine that became slower.

use std::fmt;

use mbed_core::Bytes;

use crate::{HostSample, Sample};

/// Heat from which processors begin to slow themselves down, and how much of it must be new.
const HOT_CELSIUS: f64 = 80.0;
const WARMER_CELSIUS: f64 = 5.0;

/// How many more cores others must keep busy before that counts.
const CORES: f64 = 0.5;

/// How much more swap must be in use, and how little memory be free, as a part of its limit.
const SWAP: u64 = 64 << 20;
const SCARCE: f64 = 0.05;

/// Something that makes a machine slower than it was.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Evidence {
    /// It is hot, and was not.
    Heat {
        /// Degrees Celsius then.
        before: f64,
        /// Degrees Celsius now.
        now: f64,
    },
    /// A graphics card says that it is slowed down.
    Throttled {
        /// Which one.
        gpu: u32,
        /// Its heat, in degrees Celsius, where it tells.
        celsius: Option<u32>,
        /// By what, in the words of its library.
        by: Vec<String>,
    },
    /// Other processes keep more cores busy.
    OtherWork {
        /// Cores then.
        before: f64,
        /// Cores now.
        now: f64,
    },
    /// Memory went to the disk.
    Swapping {
        /// How much more of it is there.
        more: Bytes,
    },
    /// Hardly any memory is left.
    LittleMemory {
        /// What is left.
        free: Bytes,
    },
}

impl Evidence {
    /// What tells why the machine is slower `now` than it was `before`; nothing where nothing does. `cores` is how many the
    /// machine has.
    #[must_use]
    pub fn between(before: &Sample, now: &Sample, cores: f64) -> Vec<Self> {
        let mut found = Vec::new();
        if let (Some(before), Some(now)) = (before.host.hottest_celsius, now.host.hottest_celsius)
            && now >= HOT_CELSIUS
            && now - before >= WARMER_CELSIUS
        {
            found.push(Self::Heat { before, now });
        }
        for gpu in now.gpus.iter().filter(|gpu| !gpu.throttled_by.is_empty()) {
            let then = before.gpus.iter().find(|then| then.index == gpu.index);
            if then.is_none_or(|then| then.throttled_by != gpu.throttled_by) {
                let by = gpu.throttled_by.clone();
                found.push(Self::Throttled { gpu: gpu.index, celsius: gpu.celsius, by });
            }
        }
        if let (Some(before), Some(now)) = (others(&before.host, cores), others(&now.host, cores))
            && now - before >= CORES
        {
            found.push(Self::OtherWork { before, now });
        }
        found.extend(memory(&before.host, &now.host));
        found
    }
}

/// Cores that others keep busy.
fn others(host: &HostSample, cores: f64) -> Option<f64> {
    let cpu = host.cpu?;
    Some((cpu.busy * cores - cpu.process_cores?).max(0.0))
}

fn memory(before: &HostSample, now: &HostSample) -> Vec<Evidence> {
    let mut found = Vec::new();
    if let (Some(before), Some(now)) = (before.memory, now.memory) {
        let used =
            |memory: crate::SystemMemory| memory.swap_total.get().saturating_sub(memory.swap_free.get());
        let more = used(now).saturating_sub(used(before));
        if more >= SWAP {
            found.push(Evidence::Swapping { more: Bytes::new(more) });
        }
    }
    if let Some(headroom) = &now.headroom {
        let (free, limit) = (headroom.limit.free(), headroom.limit.limit);
        if (free.get() as f64) < SCARCE * limit.get() as f64 {
            found.push(Evidence::LittleMemory { free });
        }
    }
    found
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heat { before, now } => write!(f, "{now:.0} \u{b0}C, {before:.0} before"),
            Self::Throttled { gpu, celsius, by } => {
                write!(f, "card {gpu} is slowed down by {}", by.join(" and "))?;
                celsius.map_or(Ok(()), |celsius| write!(f, " at {celsius} \u{b0}C"))
            }
            Self::OtherWork { before, now } => {
                write!(f, "other processes keep {now:.1} cores busy, {before:.1} before")
            }
            Self::Swapping { more } => write!(f, "{more} more are swapped out"),
            Self::LittleMemory { free } => write!(f, "only {free} of memory are free"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CpuUse, GpuSample, Headroom, Limit, SystemMemory};

    fn calm() -> Sample {
        let gib = |count: u64| Bytes::new(count << 30);
        let host = HostSample {
            cpu: Some(CpuUse { busy: 0.75, process_cores: Some(2.8) }),
            process: None,
            memory: Some(SystemMemory {
                total: gib(16),
                available: gib(8),
                swap_total: gib(4),
                swap_free: gib(4),
            }),
            headroom: Headroom::least([(crate::Bound::Machine, Limit { limit: gib(16), used: gib(8) })]),
            limits: Vec::new(),
            hottest_celsius: Some(60.0),
        };
        Sample { seconds: 0.0, host, gpus: vec![GpuSample::default()] }
    }

    #[test]
    fn what_has_changed_is_named_and_nothing_else() {
        assert_eq!(Evidence::between(&calm(), &calm(), 4.0), []);
        let check = |change: fn(&mut Sample), words: &str| {
            let mut now = calm();
            change(&mut now);
            let found = Evidence::between(&calm(), &now, 4.0);
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [words]);
            let mut warm = now.clone();
            warm.seconds += 1.0;
            assert!(
                matches!(
                    Evidence::between(&now, &warm, 4.0).as_slice(),
                    [] | [Evidence::LittleMemory { .. }]
                ),
                "what was so before is no reason"
            );
        };
        check(|now| now.host.hottest_celsius = Some(93.0), "93 \u{b0}C, 60 before");
        check(
            |now| now.host.cpu = Some(CpuUse { busy: 1.0, process_cores: Some(2.5) }),
            "other processes keep 1.5 cores busy, 0.2 before",
        );
        check(
            |now| {
                now.gpus[0].throttled_by = vec!["SW_THERMAL".to_owned()];
                now.gpus[0].celsius = Some(88);
            },
            "card 0 is slowed down by SW_THERMAL at 88 \u{b0}C",
        );
        check(
            |now| {
                now.host.memory =
                    now.host.memory.map(|memory| SystemMemory { swap_free: Bytes::new(3 << 30), ..memory })
            },
            "1.00 GiB more are swapped out",
        );
        check(
            |now| {
                let limit = Limit { limit: Bytes::new(16 << 30), used: Bytes::new(63 << 28) };
                now.host.headroom = Headroom::least([(crate::Bound::Machine, limit)]);
            },
            "only 256.00 MiB of memory are free",
        );
    }
}
