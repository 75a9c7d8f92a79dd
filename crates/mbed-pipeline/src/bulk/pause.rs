//! A run that waits until somebody lets it go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mbed_engine::Cancel;

/// How often a run that waits looks up.
const MOMENT: Duration = Duration::from_millis(20);

/// A wish that a run waits. What it has read is still computed and committed; nothing more is read.
#[derive(Clone, Debug, Default)]
pub struct Pause(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_wanted: AtomicBool,
    nanoseconds: AtomicU64,
}

impl Pause {
    /// Nobody wishes it yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Wishes it.
    pub fn pause(&self) {
        self.0.is_wanted.store(true, Ordering::Relaxed);
    }

    /// Wishes it no longer.
    pub fn go_on(&self) {
        self.0.is_wanted.store(false, Ordering::Relaxed);
    }

    /// Whether somebody wishes it.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.is_wanted.load(Ordering::Relaxed)
    }

    /// How long runs waited.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.0.nanoseconds.load(Ordering::Relaxed))
    }

    /// Waits while that is wished and the run is not to end.
    pub(super) fn wait(&self, stop: &Cancel, until: Option<Instant>) {
        while self.is_wanted() && !stop.is_cancelled() && until.is_none_or(|until| Instant::now() < until) {
            let start = Instant::now();
            thread::sleep(MOMENT);
            let waited = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.0.nanoseconds.fetch_add(waited, Ordering::Relaxed);
        }
    }
}

/// Time without pauses.
pub(super) struct Stopwatch {
    pause: Pause,
    start: Instant,
    waited: Duration,
}

impl Stopwatch {
    pub(super) fn start(pause: &Pause) -> Self {
        Self { pause: pause.clone(), start: Instant::now(), waited: pause.waited() }
    }

    pub(super) fn restart(&mut self) {
        *self = Self::start(&self.pause);
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed().saturating_sub(self.pause.waited().saturating_sub(self.waited))
    }
}
