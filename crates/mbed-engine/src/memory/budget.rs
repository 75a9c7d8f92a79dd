//! How much memory batches may take.

use std::fmt;

use mbed_core::settings::MemorySettings;
use mbed_core::{Bytes, DeviceMemory};
use mbed_monitor::{Bound, Host};
use serde::Serialize;

use super::ledger::Holdings;
use crate::EngineError;

/// Memory of a device at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reading {
    /// All of it, or the limit that bounds it most.
    pub total: Bytes,
    /// What may still be taken.
    pub free: Bytes,
    /// Which limit that is, where it is this machine's memory.
    pub bound: Option<Bound>,
}

impl Reading {
    /// Asks, or `None` where nobody can tell.
    pub(crate) fn take(memory: DeviceMemory, host: &Host) -> Option<Self> {
        match memory {
            DeviceMemory::Own { total, free } => Some(Self { total, free, bound: None }),
            DeviceMemory::Host => host.headroom().map(|headroom| Self {
                total: headroom.limit.limit,
                free: headroom.limit.free(),
                bound: Some(headroom.bound),
            }),
            _ => None,
        }
    }

    /// The part that is in use, by whomever, 0 to 1.
    #[must_use]
    pub fn in_use(&self) -> f64 {
        let total = self.total.get().max(1) as f64;
        1.0 - (self.free.get() as f64 / total).min(1.0)
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} free", self.free, self.total)?;
        self.bound.map_or(Ok(()), |bound| write!(f, " ({bound})"))
    }
}

/// What a batch of one session may take: its share of `(free - reserved) · safety_factor`, and no more than the part of
/// the device that mbed may use at all. What sessions keep counts as free: they give it back when it is asked for.
pub(crate) fn budget(settings: &MemorySettings, reading: Reading, holdings: Holdings) -> u64 {
    part(share(settings, reading, holdings), settings.safety_factor.get())
}

/// What a session may hold while others compute too.
pub(crate) fn share(settings: &MemorySettings, reading: Reading, holdings: Holdings) -> u64 {
    let Holdings { weights, kept, sessions } = holdings;
    let free = reading.free.get().saturating_add(kept).saturating_sub(settings.reserved.bytes().get());
    let all = part(reading.total.get(), settings.fraction.get()).saturating_sub(weights);
    free.min(all) / sessions.max(1)
}

/// Refuses to leave to others more than there is.
pub(crate) fn check(settings: &MemorySettings, reading: Reading) -> Result<(), EngineError> {
    let reserved = settings.reserved.bytes();
    if reserved >= reading.total {
        return Err(EngineError::ReservedTooMuch { reserved, total: reading.total });
    }
    Ok(())
}

/// Rows for each GiB where nothing better is known, by the values of the model: 128 below 100 million, 64 to 500
/// million, 32 above. Older embedding tools use these figures for texts of a few hundred tokens.
#[must_use]
pub const fn rows_per_gib(parameters: usize) -> usize {
    match parameters {
        0..100_000_000 => 128,
        100_000_000..=500_000_000 => 64,
        _ => 32,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of what fits")]
fn part(whole: u64, fraction: f64) -> u64 {
    (whole as f64 * fraction) as u64
}

#[cfg(test)]
mod tests {
    use mbed_core::settings::{ByteSize, Fraction};

    use super::*;

    #[test]
    fn what_is_reserved_is_left_out_and_the_rest_is_shared() {
        let settings = |reserved, fraction| MemorySettings {
            reserved: ByteSize::new(reserved),
            safety_factor: Fraction::try_from(0.5).unwrap(),
            fraction: Fraction::try_from(fraction).unwrap(),
            ..MemorySettings::default()
        };
        let reading = Reading { total: Bytes::new(1000), free: Bytes::new(600), bound: None };
        let check = |settings: MemorySettings, (weights, kept, sessions), expected| {
            assert_eq!(budget(&settings, reading, Holdings { weights, kept, sessions }), expected);
        };
        check(settings(0, 1.0), (0, 0, 1), 300);
        check(settings(200, 1.0), (0, 0, 1), 200);
        check(settings(200, 1.0), (0, 100, 1), 250);
        check(settings(200, 1.0), (0, 100, 2), 125);
        check(settings(0, 0.4), (300, 0, 1), 50);
        check(settings(700, 1.0), (0, 0, 1), 0);
        check(settings(0, 0.2), (300, 0, 1), 0);
        assert!(super::check(&settings(1000, 1.0), reading).is_err());
        assert!(super::check(&settings(999, 1.0), reading).is_ok());
    }

    #[test]
    fn the_rule_of_thumb_goes_by_parameters() {
        let given = [22_000_000, 100_000_000, 335_000_000, 500_000_000, 600_000_000];
        assert_eq!(given.map(rows_per_gib), [128, 64, 64, 64, 32]);
    }
}
