//! Samples at an interval, on a thread of their own.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::{Gpus, Host, HostSample, MonitorError, Sample};

/// Takes samples at an interval on a thread of its own, and keeps the last ones. It ends when it is dropped.
#[derive(Debug)]
pub struct Sampler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    kept: NonZeroUsize,
}

#[derive(Debug, Default)]
struct State {
    ring: VecDeque<Sample>,
    /// How many were taken in all.
    taken: u64,
    has_ended: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A sample is pushed whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sampler {
    /// Begins: a sample now and one each `interval`, of which the last `kept` stay.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        host: Host,
        gpus: Option<Gpus>,
        interval: Duration,
        kept: NonZeroUsize,
    ) -> Result<Self, MonitorError> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), kept });
        let ours = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("mbed-monitor".to_owned())
            .spawn(move || sample(&host, gpus.as_ref(), interval, &ours))
            .map_err(|source| MonitorError::Thread { source })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The samples that are kept, the oldest first.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.shared.state().ring.iter().cloned().collect()
    }

    /// Waits at most `patience` until more than `seen` samples were taken. Gives the last and how many there were in
    /// all, or `None` where none came.
    #[must_use]
    pub fn wait(&self, seen: u64, patience: Duration) -> Option<(Sample, u64)> {
        let state = self.shared.state();
        let waits = |state: &mut State| state.taken <= seen && !state.has_ended;
        let waited = self.shared.changed.wait_timeout_while(state, patience, waits);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (state.taken > seen).then(|| Some((state.ring.back()?.clone(), state.taken)))?
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.shared.state().has_ended = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing to tell that matters any more.
            let _ended = thread.join();
        }
    }
}

fn sample(host: &Host, gpus: Option<&Gpus>, interval: Duration, shared: &Shared) {
    let start = Instant::now();
    let mut ticks = None;
    loop {
        let next = Instant::now() + interval;
        let sample = Sample {
            seconds: start.elapsed().as_secs_f64(),
            host: HostSample::take(host, &mut ticks),
            gpus: gpus.map_or_else(Vec::new, Gpus::sample),
        };
        let mut state = shared.state();
        if state.ring.len() == shared.kept.get() {
            state.ring.pop_front();
        }
        state.ring.push_back(sample);
        state.taken += 1;
        shared.changed.notify_all();
        let pause = next.saturating_duration_since(Instant::now());
        let waits = |state: &mut State| !state.has_ended;
        let waited = shared.changed.wait_timeout_while(state, pause, waits);
        if waited.unwrap_or_else(PoisonError::into_inner).0.has_ended {
            return;
        }
    }
}
