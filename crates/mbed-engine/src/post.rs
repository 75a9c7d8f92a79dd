//! A session at its post: it takes batches until there are no more, or until its device is lost for good.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, never, select};
use mbed_core::{BackendError, Session};

use crate::Rows;
use crate::flow::Window;
use crate::reopen::Reopen;
use crate::sequences::Sequence;
use crate::sizing::{Cut, Plan};
use crate::worker::{Done, Failure};

/// How often a session without work looks whether somebody waits for its memory.
const IDLE_INTERVAL: Duration = Duration::from_millis(10);
/// A device that was lost so often in a run is not opened again: it would be lost for ever.
const MOST_REOPENINGS: usize = 3;

/// A batch of a window for a session.
pub(crate) struct Job<R> {
    pub(crate) window: Arc<Window<R>>,
    pub(crate) cut: Cut,
}

/// What came of a job.
pub(crate) enum Outcome<R> {
    /// It was computed, or it failed.
    Done(Finished),
    /// The session's device was lost, and the session was opened anew; it still has the job.
    Reopened,
    /// The session's device is lost: others may take the job.
    Lost { job: Job<R>, error: BackendError },
}

/// A job that nobody has to take any more.
pub(crate) struct Finished {
    /// The number of its window.
    pub(crate) window: u64,
    pub(crate) result: Result<Done, Failure>,
    /// How long the session computed.
    pub(crate) busy: Duration,
}

/// A session at its post.
pub(crate) struct Post<'a> {
    /// Its number.
    pub(crate) desk: usize,
    pub(crate) session: &'a mut Box<dyn Session>,
    pub(crate) reopen: Option<&'a Reopen>,
    pub(crate) batches: Plan<'a>,
}

impl Post<'_> {
    /// Takes jobs that were cut, and those that come back from sessions that were lost. Whoever is free takes the next, so
    /// that sessions have as many tokens as they can compute, however fast each is.
    pub(crate) fn work<R: Rows>(
        mut self,
        mut jobs: Receiver<Job<R>>,
        returned: &Receiver<Job<R>>,
        outcomes: &Sender<Outcome<R>>,
    ) {
        let mut reopenings = 0;
        while let Some(job) = self.next_job(&mut jobs, returned) {
            let start = Instant::now();
            let mut result = self.compute(&job);
            while is_lost(&result) && reopenings < MOST_REOPENINGS && self.open_anew() {
                reopenings += 1;
                if outcomes.send(Outcome::Reopened).is_err() {
                    return;
                }
                result = self.compute(&job);
            }
            let busy = start.elapsed();
            let is_last = is_lost(&result) || matches!(result, Err(Failure::Panicked));
            let outcome = match result {
                Err(Failure::Session { error: error @ BackendError::DeviceLost { .. }, .. }) => {
                    Outcome::Lost { job, error }
                }
                result => Outcome::Done(Finished { window: job.window.number, result, busy }),
            };
            if outcomes.send(outcome).is_err() || is_last {
                return;
            }
        }
    }

    /// Waits for a job, or `None` where there will be no more. A session without work may have to give buffers back.
    fn next_job<R>(&mut self, jobs: &mut Receiver<Job<R>>, returned: &Receiver<Job<R>>) -> Option<Job<R>> {
        let start = Instant::now();
        loop {
            select! {
                recv(returned) -> job => return job.ok(),
                recv(jobs) -> job => match job {
                    Ok(job) => return Some(job),
                    // All are cut. A session may still be lost, and its batch come back.
                    Err(_) => {
                        *jobs = never();
                        self.idle(Duration::MAX);
                    }
                },
                default(IDLE_INTERVAL) => self.idle(start.elapsed()),
            }
        }
    }

    /// There has been no work for so long.
    fn idle(&mut self, time: Duration) {
        self.batches.idle((self.desk, self.session.as_mut()), time);
    }

    fn compute<R: Rows>(&mut self, job: &Job<R>) -> Result<Done, Failure> {
        let Self { desk, session, batches, .. } = self;
        let cut = job.cut.clone();
        // A panic must be told like any other failure: while other sessions hold the channel of outcomes open, the
        // collector would wait for this batch for ever. Nothing is used after it that it could have left half done.
        let compute = || batches.compute((*desk, session.as_mut()), &job.window.sequences.list, cut);
        panic::catch_unwind(AssertUnwindSafe(compute)).unwrap_or(Err(Failure::Panicked))
    }

    /// Opens the session anew, and gives whether there is one.
    fn open_anew(&mut self) -> bool {
        let Some(reopen) = self.reopen else { return false };
        match reopen.call(self.desk) {
            Ok(session) => {
                let device = &session.capabilities().device;
                tracing::warn!(%device, "was lost, and was opened anew");
                *self.session = session;
                // What the lost one kept is gone.
                self.idle(Duration::MAX);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a lost device does not open anew");
                false
            }
        }
    }
}

/// Computes a batch with the first session whose device is not lost; `None` where there is no session.
pub(crate) fn compute_anywhere(
    (sessions, reopen): (&mut [Box<dyn Session>], Option<&Reopen>),
    batches: Plan<'_>,
    (list, cut): (&[Sequence], &Cut),
) -> Option<Result<Done, Failure>> {
    let mut last = None;
    for (desk, session) in sessions.iter_mut().enumerate() {
        let mut post = Post { desk, session, reopen, batches };
        let mut result = batches.compute((desk, post.session.as_mut()), list, cut.clone());
        if is_lost(&result) && post.open_anew() {
            result = batches.compute((desk, post.session.as_mut()), list, cut.clone());
        }
        if !is_lost(&result) {
            return Some(result);
        }
        last = Some(result);
    }
    last
}

const fn is_lost(result: &Result<Done, Failure>) -> bool {
    matches!(result, Err(Failure::Session { error: BackendError::DeviceLost { .. }, .. }))
}
