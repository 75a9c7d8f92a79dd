//! A session at its post: it takes batches until there are no more, or until its device is lost for good.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, never, select};
use mbed_core::{BackendError, Session};
use mbed_text::Encoded;

use crate::Rows;
use crate::flow::Window;
use crate::reopen::Reopen;
use crate::sizing::{Cut, Plan};
use crate::worker::{Done, Failure};

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
    Done { window: u64, result: Result<Done, Failure> },
    /// The session's device was lost, and the session was opened anew; it still has the job.
    Reopened,
    /// The session's device is lost: others may take the job.
    Lost { job: Job<R>, error: BackendError },
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
        while let Some(job) = next(&mut jobs, returned) {
            let mut result = self.compute(&job);
            while is_lost(&result) && reopenings < MOST_REOPENINGS && self.open_anew() {
                reopenings += 1;
                if outcomes.send(Outcome::Reopened).is_err() {
                    return;
                }
                result = self.compute(&job);
            }
            let is_last = is_lost(&result) || matches!(result, Err(Failure::Panicked));
            let outcome = match result {
                Err(Failure::Session { error: error @ BackendError::DeviceLost { .. }, .. }) => {
                    Outcome::Lost { job, error }
                }
                result => Outcome::Done { window: job.window.number, result },
            };
            if outcomes.send(outcome).is_err() || is_last {
                return;
            }
        }
    }

    fn compute<R: Rows>(&mut self, job: &Job<R>) -> Result<Done, Failure> {
        let Self { desk, session, batches, .. } = self;
        let cut = Cut { rows: job.cut.rows.clone(), size: job.cut.size };
        // A panic must be told like any other failure: while other sessions hold the channel of outcomes open, the
        // collector would wait for this batch for ever. Nothing is used after it that it could have left half done.
        let compute = || batches.compute((*desk, session.as_mut()), &job.window.encoded, cut);
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
    (encoded, cut): (&[Encoded], Cut),
) -> Option<Result<Done, Failure>> {
    let mut last = None;
    for (desk, session) in sessions.iter_mut().enumerate() {
        let mut post = Post { desk, session, reopen, batches };
        let again = || Cut { rows: cut.rows.clone(), size: cut.size };
        let mut result = post.batches.compute((desk, post.session.as_mut()), encoded, again());
        if is_lost(&result) && post.open_anew() {
            result = post.batches.compute((desk, post.session.as_mut()), encoded, again());
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

/// The next job, or `None` where there will be no more.
fn next<R>(jobs: &mut Receiver<Job<R>>, returned: &Receiver<Job<R>>) -> Option<Job<R>> {
    loop {
        select! {
            recv(returned) -> job => return job.ok(),
            recv(jobs) -> job => match job {
                Ok(job) => return Some(job),
                // All are cut. A session may still be lost, and its batch come back.
                Err(_) => *jobs = never(),
            },
        }
    }
}
