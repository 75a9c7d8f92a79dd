//! Memory that stays.

use std::time::{Duration, Instant};

use mbed_core::Bytes;

/// Tells once when memory at rest stays above where it began.
#[derive(Clone, Debug)]
pub struct LeakWatch {
    tolerance: f64,
    window: Duration,
    start: Option<Bytes>,
    above_since: Option<Instant>,
    was_told: bool,
}

/// Memory that stayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// What was in use at rest in the beginning.
    pub start: Bytes,
    /// What is in use at rest now.
    pub now: Bytes,
    /// How long it has been above what is tolerated.
    pub lasted: Duration,
}

impl LeakWatch {
    /// Tolerates `1 + tolerance` times the memory of the beginning, and more than that for less than `window`.
    #[must_use]
    pub const fn new(tolerance: f64, window: Duration) -> Self {
        Self { tolerance, window, start: None, above_since: None, was_told: false }
    }

    /// Looks at what is in use at rest, after memory that is kept for reuse was given back. The first look is the
    /// beginning. Gives a leak the first time that there is one.
    pub fn look(&mut self, in_use: Bytes, at: Instant) -> Option<Leak> {
        let start = *self.start.get_or_insert(in_use);
        if in_use.get() as f64 <= start.get() as f64 * (1.0 + self.tolerance) {
            self.above_since = None;
            return None;
        }
        let lasted = at.saturating_duration_since(*self.above_since.get_or_insert(at));
        if lasted < self.window || self.was_told {
            return None;
        }
        self.was_told = true;
        Some(Leak { start, now: in_use, lasted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_told_once_and_what_passes_is_not() {
        let begin = Instant::now();
        let mut watch = LeakWatch::new(0.1, Duration::from_secs(10));
        let mut look = |seconds, bytes| watch.look(Bytes::new(bytes), begin + Duration::from_secs(seconds));
        assert_eq!(look(0, 1000), None);
        assert_eq!(look(1, 1100), None, "tolerated");
        assert_eq!(look(2, 5000), None, "not for long yet");
        assert_eq!(look(8, 900), None, "gone again");
        assert_eq!(look(20, 1200), None);
        let leak = look(30, 1300).unwrap();
        assert_eq!((leak.start.get(), leak.now.get(), leak.lasted.as_secs()), (1000, 1300, 10));
        assert_eq!(look(50, 9000), None, "told already");
    }
}
