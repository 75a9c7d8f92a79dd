//! How fast a job is, and how long it will take.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mbed_core::{Progress, Task};

use super::journal::Totals;
use super::pause::{Pause, Stopwatch};

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

    /// A sink cannot be reached; it is asked again.
    fn waiting(&self, _sink: &str, _error: &(dyn Error + Send + Sync)) {}
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Drift {
    /// Records have more tokens than before.
    LongerTexts {
        /// Tokens of a record on average since the run began.
        whole: f64,
        /// Tokens of a record in the last half minute.
        window: f64,
    },
    /// The same work takes longer: heat, another process, memory.
    SlowerMachine {
        /// Tokens a second since the run began.
        whole: f64,
        /// Tokens a second in the last half minute.
        window: f64,
    },
}

/// Measures.
pub(super) struct Meter<'a> {
    watch: &'a dyn JobWatch,
    tokens: &'a Tokens<'a>,
    clock: Stopwatch,
    /// Records of this run.
    done: u64,
    all: Option<u64>,
    marks: VecDeque<Mark>,
}

/// Records and tokens that were done by then; times are those of the run, without pauses.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    time: Duration,
    records: u64,
    tokens: u64,
}

impl<'a> Meter<'a> {
    pub(super) fn new(
        watch: &'a dyn JobWatch,
        tokens: &'a Tokens<'a>,
        all: Option<u64>,
        pause: &Pause,
    ) -> Self {
        let (clock, marks) = (Stopwatch::start(pause), VecDeque::from([Mark::default()]));
        Self { watch, tokens, clock, done: 0, all, marks }
    }

    /// A unit was committed; `committed` is everything until now.
    pub(super) fn unit(&mut self, unit: &Totals, committed: &Totals) {
        self.done += unit.records;
        let now = Mark { time: self.clock.elapsed(), records: self.done, tokens: self.tokens.count() };
        self.marks.push_back(now);
        // One mark older than the window stays, so that the window is always full.
        while self.marks.get(1).is_some_and(|mark| now.time.saturating_sub(mark.time) > WINDOW) {
            self.marks.pop_front();
        }
        self.watch.unit(&self.snapshot(now, committed));
    }

    fn snapshot(&self, now: Mark, committed: &Totals) -> Snapshot {
        let Mark { records, tokens, .. } = now;
        let elapsed = now.time.as_secs_f64().max(1e-6);
        let then = self.marks.front().copied().unwrap_or_default();
        let window = now.time.saturating_sub(then.time).as_secs_f64().max(1e-6);
        let (whole_rate, token_rate) = (records as f64 / elapsed, tokens as f64 / elapsed);
        let (window_records, window_tokens) = (records - then.records, tokens - then.tokens);
        let window_rate = window_records as f64 / window;
        let warm = now.time > WARM_UP;
        let left = self.all.filter(|_| warm).map(|all| {
            let left = all.saturating_sub(committed.records) as f64;
            let time =
                |rate: f64| Duration::try_from_secs_f64(left / rate.max(1e-9)).unwrap_or(Duration::MAX);
            (time(whole_rate.max(window_rate)), time(whole_rate.min(window_rate)))
        });
        let drift = (warm && window_rate < DRIFT * whole_rate).then(|| {
            let window_token_rate = window_tokens as f64 / window;
            if window_token_rate < DRIFT * token_rate {
                return Drift::SlowerMachine { whole: token_rate, window: window_token_rate };
            }
            let each = |tokens: u64, records: u64| tokens as f64 / records.max(1) as f64;
            Drift::LongerTexts { whole: each(tokens, records), window: each(window_tokens, window_records) }
        });
        Snapshot { totals: *committed, all: self.all, window_rate, whole_rate, token_rate, left, drift }
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
    use std::time::Instant;

    use mbed_core::Silent;
    use mbed_engine::Cancel;

    use super::*;

    #[test]
    fn the_end_is_between_what_the_window_and_the_whole_run_say() {
        let tokens = Tokens { next: &Silent, count: AtomicU64::new(0) };
        let mut meter = Meter::new(&Unwatched, &tokens, Some(10_000), &Pause::new());
        let mark = |seconds, records, tokens| Mark { time: Duration::from_secs(seconds), records, tokens };
        let committed = Totals { records: 2000, ..Totals::default() };
        meter.marks = VecDeque::from([mark(70, 1700, 17_000)]);
        assert_eq!(meter.snapshot(mark(5, 2000, 20_000), &committed).left, None, "too early to tell");
        let late = mark(100, 2000, 20_000);
        let snapshot = meter.snapshot(late, &committed);
        assert_eq!((snapshot.whole_rate, snapshot.window_rate), (20.0, 10.0));
        assert_eq!(snapshot.left, Some((Duration::from_secs(400), Duration::from_secs(800))));
        assert_eq!(snapshot.drift, Some(Drift::SlowerMachine { whole: 200.0, window: 100.0 }));
        // As many tokens a second as before: the texts are longer.
        meter.marks = VecDeque::from([mark(70, 1700, 14_000)]);
        let drift = meter.snapshot(late, &committed).drift;
        assert_eq!(drift, Some(Drift::LongerTexts { whole: 10.0, window: 20.0 }));
    }

    #[test]
    fn pauses_are_no_time_of_the_run() {
        let pause = Pause::new();
        let clock = Stopwatch::start(&pause);
        pause.pause();
        pause.wait(&Cancel::new(), Some(Instant::now() + Duration::from_millis(300)));
        assert!(pause.waited() >= Duration::from_millis(280), "{:?}", pause.waited());
        assert!(clock.elapsed() < Duration::from_millis(200), "{:?}", clock.elapsed());
        pause.go_on();
        let waited = pause.waited();
        pause.wait(&Cancel::new(), None);
        assert_eq!(pause.waited(), waited);
    }
}
