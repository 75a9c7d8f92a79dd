//! How fast a job is, and how long it will take.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mbed_core::{Progress, Task};

use super::journal::Totals;

/// The time that a window rate looks back.
const WINDOW: Duration = Duration::from_secs(30);

/// The time before which nothing is said of the end: a first rate is that of caches, clocks and batches that still
/// change.
const WARM_UP: Duration = Duration::from_secs(10);

/// How far the rate of the window may fall below that of the whole run before that is named.
const DRIFT: f64 = 0.8;

/// Somebody who wants to know how a job goes.
pub trait JobWatch: Send + Sync {
    /// A unit was committed.
    fn unit(&self, snapshot: &Snapshot);
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl JobWatch for Unwatched {
    fn unit(&self, _snapshot: &Snapshot) {}
}

/// How a job goes, after a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// All that is committed, by earlier runs too.
    pub totals: Totals,
    /// Records in all, where they are known.
    pub all: Option<u64>,
    /// Records a second in the last half minute.
    pub window_rate: f64,
    /// Records a second since this run began.
    pub whole_rate: f64,
    /// Tokens a second since this run began.
    pub token_rate: f64,
    /// The shortest and the longest time it may still take; nothing is said while it warms up.
    pub left: Option<(Duration, Duration)>,
    /// Why it became slower, where it did.
    pub drift: Option<Drift>,
}

/// Why a run became slower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Records have more tokens than before.
    LongerTexts,
    /// The same work takes longer: heat, another process, memory.
    SlowerMachine,
}

/// Measures.
pub(super) struct Meter<'a> {
    watch: &'a dyn JobWatch,
    tokens: &'a Tokens<'a>,
    start: Instant,
    /// Records of this run.
    done: u64,
    all: Option<u64>,
    /// Times with the records and tokens done by then.
    marks: VecDeque<(Instant, u64, u64)>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(watch: &'a dyn JobWatch, tokens: &'a Tokens<'a>, all: Option<u64>) -> Self {
        let start = Instant::now();
        Self { watch, tokens, start, done: 0, all, marks: VecDeque::from([(start, 0, 0)]) }
    }

    /// A unit was committed; `committed` is everything until now.
    pub(super) fn unit(&mut self, unit: &Totals, committed: &Totals) {
        self.done += unit.records;
        let (now, tokens) = (Instant::now(), self.tokens.count());
        self.marks.push_back((now, self.done, tokens));
        // One mark older than the window stays, so that the window is always full.
        while self.marks.get(1).is_some_and(|(time, ..)| now.duration_since(*time) > WINDOW) {
            self.marks.pop_front();
        }
        self.watch.unit(&self.snapshot(now, tokens, committed));
    }

    fn snapshot(&self, now: Instant, tokens: u64, committed: &Totals) -> Snapshot {
        let elapsed = now.duration_since(self.start).as_secs_f64().max(1e-6);
        let (since, records, tokens_then) = self.marks.front().copied().unwrap_or((self.start, 0, 0));
        let window = now.duration_since(since).as_secs_f64().max(1e-6);
        let whole_rate = self.done as f64 / elapsed;
        let window_rate = (self.done - records) as f64 / window;
        let (whole_tokens, window_tokens) = (tokens as f64 / elapsed, (tokens - tokens_then) as f64 / window);
        let warm = elapsed > WARM_UP.as_secs_f64();
        let left = self.all.filter(|_| warm).map(|all| {
            let left = all.saturating_sub(committed.records) as f64;
            let time =
                |rate: f64| Duration::try_from_secs_f64(left / rate.max(1e-9)).unwrap_or(Duration::MAX);
            (time(whole_rate.max(window_rate)), time(whole_rate.min(window_rate)))
        });
        let drift =
            (warm && window_rate < DRIFT * whole_rate).then_some(if window_tokens < DRIFT * whole_tokens {
                Drift::SlowerMachine
            } else {
                Drift::LongerTexts
            });
        Snapshot {
            totals: *committed,
            all: self.all,
            window_rate,
            whole_rate,
            token_rate: whole_tokens,
            left,
            drift,
        }
    }
}

/// Counts tokens on their way to whoever else wants to know.
pub(super) struct Tokens<'a> {
    pub(super) next: &'a dyn Progress,
    pub(super) count: AtomicU64,
}

impl Tokens<'_> {
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Progress for Tokens<'_> {
    fn begin(&self, task: &Task, total: Option<u64>) {
        self.next.begin(task, total);
    }

    fn advance(&self, amount: u64, tokens: u64) {
        self.count.fetch_add(tokens, Ordering::Relaxed);
        self.next.advance(amount, tokens);
    }

    fn end(&self) {
        self.next.end();
    }
}

#[cfg(test)]
mod tests {
    use mbed_core::Silent;

    use super::*;

    #[test]
    fn the_end_is_between_what_the_window_and_the_whole_run_say() {
        let tokens = Tokens { next: &Silent, count: AtomicU64::new(0) };
        let mut meter = Meter::new(&Unwatched, &tokens, Some(10_000));
        let at = |seconds| meter.start + Duration::from_secs(seconds);
        let (early, late) = (at(5), at(100));
        let committed = Totals { records: 2000, ..Totals::default() };
        (meter.done, meter.marks) = (2000, VecDeque::from([(at(70), 1700, 17_000)]));
        assert_eq!(meter.snapshot(early, 20_000, &committed).left, None, "too early to tell");
        let snapshot = meter.snapshot(late, 20_000, &committed);
        assert_eq!((snapshot.whole_rate, snapshot.window_rate), (20.0, 10.0));
        assert_eq!(snapshot.left, Some((Duration::from_secs(400), Duration::from_secs(800))));
        assert_eq!(snapshot.drift, Some(Drift::SlowerMachine));
        // As many tokens a second as before: the texts are longer.
        meter.marks = VecDeque::from([(at(70), 1700, 14_000)]);
        assert_eq!(meter.snapshot(late, 20_000, &committed).drift, Some(Drift::LongerTexts));
    }
}
