//! The stages of a run and the channels between them.
//!
//! ```text
//! read and tokenise --windows--> plan --batches--> sessions --results--> collect and write
//!                                  \-----------windows, in order----------/
//! ```
//!
//! The channel of windows into the planner holds one, the one from the planner to the collector holds one, and the
//! planner hands a window to the collector before it cuts the next: so at most five windows are in memory, one in
//! each stage and one in each channel.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use mbed_core::{Embeddings, Progress, Session};
use mbed_text::Pieces;

use crate::batch::Cutter;
use crate::finish::scatter;
use crate::sequences::Sequences;
use crate::sizing::{Cut, Plan};
use crate::tokenise::{Tokenise, Tokenised};
use crate::worker::{Computed, Done, Failure};
use crate::{Cancel, EngineError, Finish, Rows, RunError, RunStats, Sink, Source};

/// How often a session without work looks whether somebody waits for its memory.
const IDLE_INTERVAL: Duration = Duration::from_millis(10);
/// How often a stage that waits looks whether somebody wants the end.
const CANCEL_INTERVAL: Duration = Duration::from_millis(50);

/// What a run works with.
pub(crate) struct Parts<'a> {
    pub(crate) sessions: &'a mut [Box<dyn Session>],
    pub(crate) tokenise: Tokenise<'a>,
    pub(crate) plan: Plan<'a>,
    pub(crate) finish: Finish,
    pub(crate) dimensions: usize,
}

/// A window with its tokens.
struct Window<R> {
    number: u64,
    rows: R,
    sequences: Sequences,
    tokenising: Duration,
}

/// A window on its way to the collector, and its rows that have no tokens.
struct Announced<R> {
    window: Arc<Window<R>>,
    failed: Vec<(usize, EngineError)>,
}

/// A batch of a window for a session.
struct Job<R> {
    window: Arc<Window<R>>,
    cut: Cut,
}

/// What came of a job.
struct Outcome {
    window: u64,
    result: Result<Done, Failure>,
    busy: Duration,
}

type Ready<R, E> = Result<(Window<R>, Vec<(usize, EngineError)>), RunError<E, std::convert::Infallible>>;

pub(crate) fn run<S: Source, K: Sink<Rows = S::Rows>>(
    parts: Parts<'_>,
    source: &mut S,
    sink: &mut K,
    watch: (&dyn Progress, &Cancel),
) -> Result<RunStats, RunError<S::Error, K::Error>> {
    let start = Instant::now();
    let (progress, cancel) = watch;
    let (tokenised_in, tokenised) = bounded::<Ready<S::Rows, S::Error>>(1);
    let (planned_in, planned) = bounded(1);
    let (jobs_in, jobs) = bounded::<Job<S::Rows>>(parts.sessions.len());
    let (outcomes_in, outcomes) = unbounded();
    let tokenise = parts.tokenise;
    let batches = parts.plan;
    // The stages run on threads of their own; what they tell belongs to whoever called.
    let span = tracing::Span::current();
    let _at_work = parts.plan.at_work(parts.sessions.len());
    let mut stats = RunStats { sessions: parts.sessions.len(), ..RunStats::default() };
    let result = thread::scope(|scope| {
        let mut stages = Vec::new();
        let (reading, planning) = (span.clone(), span.clone());
        let read = move || reading.in_scope(|| read_and_tokenise(source, tokenise, &tokenised_in, cancel));
        stages.push(scope.spawn(read));
        stages.push(
            scope.spawn(move || planning.in_scope(|| plan(&tokenised, &planned_in, &jobs_in, batches))),
        );
        for (desk, session) in parts.sessions.iter_mut().enumerate() {
            let (jobs, outcomes) = (jobs.clone(), outcomes_in.clone());
            let working = span.clone();
            let work = move || work((desk, session.as_mut()), &jobs, &outcomes, batches);
            stages.push(scope.spawn(move || working.in_scope(work)));
        }
        // Only the stages may keep these ends open, or nobody would notice that they have gone.
        drop((jobs, outcomes_in));
        let collector = Collector {
            planned,
            outcomes,
            finish: parts.finish,
            dimensions: parts.dimensions,
            progress,
            cancel,
        };
        let result = collector.run(sink, &mut stats);
        if result.is_err() {
            cancel.cancel();
        }
        drop(collector);
        let lost = stages.into_iter().map(thread::ScopedJoinHandle::join).filter(Result::is_err).count();
        if lost > 0 { Err(EngineError::WorkerLost.into()) } else { result }
    });
    stats.elapsed = start.elapsed();
    result.map(|()| stats)
}

fn read_and_tokenise<S: Source>(
    source: &mut S,
    tokenise: Tokenise<'_>,
    out: &Sender<Ready<S::Rows, S::Error>>,
    cancel: &Cancel,
) {
    let mut number = 0;
    while !cancel.is_cancelled() {
        let window = match source.next_rows() {
            Ok(None) => return,
            Ok(Some(rows)) => {
                let begin = Instant::now();
                let tokenised = tokenise.run_all(&rows).map_err(RunError::Engine);
                tokenised.map(|Tokenised { sequences, failed }| {
                    (Window { number, rows, sequences, tokenising: begin.elapsed() }, failed)
                })
            }
            Err(error) => Err(RunError::Read(error)),
        };
        let failed = window.is_err();
        if out.send(window).is_err() || failed {
            return;
        }
        number += 1;
    }
}

type Planned<R, E> = Result<Announced<R>, RunError<E, std::convert::Infallible>>;

fn plan<R: Rows, E: std::error::Error>(
    windows: &Receiver<Ready<R, E>>,
    planned: &Sender<Planned<R, E>>,
    jobs: &Sender<Job<R>>,
    batches: Plan<'_>,
) {
    for window in windows {
        let (window, failed) = match window {
            Ok((window, failed)) => (Arc::new(window), failed),
            Err(error) => {
                // The collector may have gone already, for a reason of its own.
                let _ = planned.send(Err(error));
                return;
            }
        };
        let lengths = window.sequences.lengths();
        let left_out: Vec<usize> = failed.iter().map(|(row, _)| *row).collect();
        if planned.send(Ok(Announced { window: Arc::clone(&window), failed })).is_err() {
            return;
        }
        let span = tracing::debug_span!("batch", window = window.number, rows = lengths.len());
        let mut cutter = span.in_scope(|| Cutter::without(&lengths, &left_out));
        batches.window();
        while let Some(cut) = span.in_scope(|| batches.cut(&mut cutter)) {
            if jobs.send(Job { window: Arc::clone(&window), cut }).is_err() {
                return;
            }
        }
    }
}

fn work<R: Rows>(
    (desk, session): (usize, &mut dyn Session),
    jobs: &Receiver<Job<R>>,
    outcomes: &Sender<Outcome>,
    batches: Plan<'_>,
) {
    while let Some(Job { window, cut }) = next_job((desk, &mut *session), jobs, batches) {
        // A panic must be told like any other failure: while other sessions hold the channel of outcomes open, the
        // collector would wait for this batch for ever. Nothing is used after it that it could have left half done.
        let compute = || batches.compute((desk, &mut *session), &window.sequences.list, cut);
        let start = Instant::now();
        let computed = panic::catch_unwind(AssertUnwindSafe(compute));
        let has_panicked = computed.is_err();
        let result = computed.unwrap_or(Err(Failure::Panicked));
        let busy = start.elapsed();
        if outcomes.send(Outcome { window: window.number, result, busy }).is_err() || has_panicked {
            return;
        }
    }
}

/// Waits for a job, or `None` where there will be no more. A session without work may have to give buffers back.
fn next_job<R>(
    (desk, session): (usize, &mut dyn Session),
    jobs: &Receiver<Job<R>>,
    batches: Plan<'_>,
) -> Option<Job<R>> {
    let start = Instant::now();
    loop {
        match jobs.recv_timeout(IDLE_INTERVAL) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Timeout) => batches.idle((desk, session), start.elapsed()),
            Err(RecvTimeoutError::Disconnected) => {
                batches.idle((desk, session), Duration::MAX);
                return None;
            }
        }
    }
}

/// Puts results back into windows, in order.
struct Collector<'a, R, E: std::error::Error + 'static> {
    planned: Receiver<Planned<R, E>>,
    outcomes: Receiver<Outcome>,
    finish: Finish,
    dimensions: usize,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

impl<R: Rows, E: std::error::Error> Collector<'_, R, E> {
    fn run<K: Sink<Rows = R>>(
        &self,
        sink: &mut K,
        stats: &mut RunStats,
    ) -> Result<(), RunError<E, K::Error>> {
        // Results of windows whose turn has not come.
        let mut early: Vec<Outcome> = Vec::new();
        while let Some(window) = self.receive(&self.planned)? {
            let Announced { window, failed } = window.map_err(widen)?;
            let mut vectors = Embeddings::new();
            vectors.reset(window.rows.len(), self.dimensions);
            let mut missing = window.sequences.list.len() - failed.len();
            stats.split_documents += window.sequences.split_documents;
            for (row, error) in failed {
                self.give_up((&window, row), error, sink, stats)?;
            }
            let (ours, others) = early.into_iter().partition(|outcome| outcome.window == window.number);
            early = others;
            for outcome in ours {
                missing -= self.place(outcome, (&window, &mut vectors), sink, stats)?;
            }
            while missing > 0 {
                let outcome = self.receive(&self.outcomes)?.ok_or(EngineError::WorkerLost)?;
                if outcome.window == window.number {
                    missing -= self.place(outcome, (&window, &mut vectors), sink, stats)?;
                } else {
                    early.push(outcome);
                }
            }
            let begin = Instant::now();
            tracing::debug_span!("write", window = window.number, rows = window.rows.len())
                .in_scope(|| sink.write(&window.rows, &vectors))
                .map_err(RunError::Write)?;
            stats.tokenising += window.tokenising;
            stats.writing += begin.elapsed();
        }
        Ok(())
    }

    /// Puts a result into its window, and gives the number of its sequences.
    fn place<K: Sink<Rows = R>>(
        &self,
        outcome: Outcome,
        (window, vectors): (&Window<R>, &mut Embeddings),
        sink: &mut K,
        stats: &mut RunStats,
    ) -> Result<usize, EngineError> {
        let done = outcome.result.map_err(|failure| failure.into_error(&window.rows, &window.sequences))?;
        stats.splits += done.splits;
        stats.busy += outcome.busy;
        let mut placed = done.failed.len();
        for (sequence, error) in done.failed {
            let row = window.sequences.first_row(sequence);
            let error = EngineError::Compute { row: window.rows.name(row), source: error };
            if window.sequences.rows(&[sequence]).len() > 1 {
                // One error cannot be told of several rows.
                return Err(error);
            }
            self.give_up((window, row), error, sink, stats)?;
        }
        for part in done.computed {
            self.place_part(&part, window, vectors, stats);
            placed += part.sequences.len();
        }
        Ok(placed)
    }

    /// Tells the sink of a row without a vector.
    fn give_up<K: Sink<Rows = R>>(
        &self,
        (window, row): (&Window<R>, usize),
        error: EngineError,
        sink: &mut K,
        stats: &mut RunStats,
    ) -> Result<(), EngineError> {
        sink.row_failed(&window.rows, row, error)?;
        stats.failed_rows += 1;
        self.progress.advance(1, 0);
        Ok(())
    }

    fn place_part(
        &self,
        part: &Computed,
        window: &Window<R>,
        vectors: &mut Embeddings,
        stats: &mut RunStats,
    ) {
        let rows = window.sequences.rows(&part.sequences);
        scatter(self.finish, &part.vectors, &rows, vectors);
        let (mut tokens, mut truncated) = (0, 0);
        for sequence in part.sequences.iter().filter_map(|&sequence| window.sequences.list.get(sequence)) {
            tokens += sequence.tokens.len() as u64;
            truncated += u64::from(sequence.pieces == Pieces::Truncated);
        }
        stats.batches += 1;
        stats.rows += rows.len() as u64;
        stats.tokens += tokens;
        stats.truncated_rows += truncated;
        self.progress.advance(rows.len() as u64, tokens);
    }

    /// The next message, or `None` where there will be no more.
    fn receive<T>(&self, channel: &Receiver<T>) -> Result<Option<T>, EngineError> {
        loop {
            if self.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            match channel.recv_timeout(CANCEL_INTERVAL) {
                Ok(message) => return Ok(Some(message)),
                Err(RecvTimeoutError::Timeout) => {}
                // A stage that heard of the wish has ended because of it, which is not the end of the input.
                Err(RecvTimeoutError::Disconnected) if self.cancel.is_cancelled() => {
                    return Err(EngineError::Cancelled);
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }
}

/// An error of a stage that writes nothing becomes one of the whole run.
fn widen<E: std::error::Error, W: std::error::Error>(
    error: RunError<E, std::convert::Infallible>,
) -> RunError<E, W> {
    match error {
        RunError::Read(error) => RunError::Read(error),
        RunError::Engine(error) => RunError::Engine(error),
        RunError::Write(never) => match never {},
    }
}
