//! Time, so that a simulated device can have its own.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

/// Time as an engine sees it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Since some moment that stays the same.
    fn now(&self) -> Duration;
    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// The time of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }
}
