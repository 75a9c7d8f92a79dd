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

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use mbed_core::{Embeddings, Progress, Session};
use mbed_text::Pieces;

use crate::batch::Cutter;
use crate::finish::scatter;
use crate::post::{Finished, Job, Outcome, Post};
use crate::reopen::Reopen;
use crate::sequences::Sequences;
use crate::sizing::Plan;
use crate::tokenise::{Tokenise, Tokenised};
use crate::worker::{Computed, Failure};
use crate::{Cancel, EngineError, Finish, Rows, RunError, RunStats, Sink, Source};

/// How often a stage that waits looks whether somebody wants the end.
const CANCEL_INTERVAL: Duration = Duration::from_millis(50);

/// What a run works with.
pub(crate) struct Parts<'a> {
    pub(crate) sessions: &'a mut [Box<dyn Session>],
    pub(crate) reopen: Option<&'a Reopen>,
    pub(crate) tokenise: Tokenise<'a>,
    pub(crate) plan: Plan<'a>,
    pub(crate) finish: Finish,
    pub(crate) dimensions: usize,
}

/// A window with its tokens.
pub(crate) struct Window<R> {
    pub(crate) number: u64,
    pub(crate) rows: R,
    pub(crate) sequences: Sequences,
    tokenising: Duration,
}

/// A window on its way to the collector, and its rows that have no tokens.
struct Announced<R> {
    window: Arc<Window<R>>,
    failed: Vec<(usize, EngineError)>,
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
    let (returned_in, returned) = unbounded();
    let workers = parts.sessions.len();
    let reopen = parts.reopen;
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
            let (jobs, returned, outcomes) = (jobs.clone(), returned.clone(), outcomes_in.clone());
            let post = Post { desk, session, reopen, batches };
            let working = span.clone();
            stages.push(scope.spawn(move || working.in_scope(|| post.work(jobs, &returned, &outcomes))));
        }
        // Only the stages may keep these ends open, or nobody would notice that they have gone.
        drop((jobs, returned, outcomes_in));
        let mut collector = Collector {
            planned,
            outcomes,
            returned: returned_in,
            workers,
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

/// Puts results back into windows, in order.
struct Collector<'a, R, E: std::error::Error + 'static> {
    planned: Receiver<Planned<R, E>>,
    outcomes: Receiver<Outcome<R>>,
    /// Batches of sessions that were lost go back to the others.
    returned: Sender<Job<R>>,
    /// Sessions that still work.
    workers: usize,
    finish: Finish,
    dimensions: usize,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

impl<R: Rows, E: std::error::Error> Collector<'_, R, E> {
    fn run<K: Sink<Rows = R>>(
        &mut self,
        sink: &mut K,
        stats: &mut RunStats,
    ) -> Result<(), RunError<E, K::Error>> {
        // Results of windows whose turn has not come.
        let mut early: Vec<Finished> = Vec::new();
        while let Some(window) = self.receive(&self.planned)? {
            let Announced { window, failed } = window.map_err(widen)?;
            let mut vectors = Embeddings::new();
            vectors.reset(window.rows.len(), self.dimensions);
            let mut missing = window.sequences.list.len() - failed.len();
            stats.split_documents += window.sequences.split_documents;
            for (row, error) in failed {
                self.give_up((&window, row), error, sink, stats)?;
            }
            let (ours, others) = early.into_iter().partition(|finished| finished.window == window.number);
            early = others;
            for finished in ours {
                missing -= self.place(finished, (&window, &mut vectors), sink, stats)?;
            }
            while missing > 0 {
                let finished = self.finished(stats)?;
                if finished.window == window.number {
                    missing -= self.place(finished, (&window, &mut vectors), sink, stats)?;
                } else {
                    early.push(finished);
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

    /// The next job that is finished. A batch whose session was lost goes back to the others.
    fn finished(&mut self, stats: &mut RunStats) -> Result<Finished, EngineError> {
        loop {
            match self.receive(&self.outcomes)?.ok_or(EngineError::WorkerLost)? {
                Outcome::Done(finished) => return Ok(finished),
                Outcome::Reopened => stats.reopened_sessions += 1,
                Outcome::Lost { job, error } => {
                    stats.lost_sessions += 1;
                    self.workers -= 1;
                    if self.workers == 0 {
                        let Job { window, cut } = job;
                        let sequence = cut.sequences.first().copied().unwrap_or(0);
                        let failure = Failure::Session { sequence, error };
                        return Err(failure.into_error(&window.rows, &window.sequences));
                    }
                    let left = self.workers;
                    tracing::warn!(%error, left, "a session is taken out, and its batch goes to another");
                    // Where the others are lost by now too, they have said so, and the last of them ends the run.
                    let _ = self.returned.send(job);
                }
            }
        }
    }

    /// Puts a result into its window, and gives the number of its sequences.
    fn place<K: Sink<Rows = R>>(
        &self,
        finished: Finished,
        (window, vectors): (&Window<R>, &mut Embeddings),
        sink: &mut K,
        stats: &mut RunStats,
    ) -> Result<usize, EngineError> {
        let done = finished.result.map_err(|failure| failure.into_error(&window.rows, &window.sequences))?;
        stats.splits += done.splits;
        stats.busy += finished.busy;
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
