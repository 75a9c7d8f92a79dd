//! How a command ended, as a shell sees it.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It did what was asked.
    Success,
    /// It could not.
    Failure,
    /// Somebody pressed Ctrl-C: 128 and the signal's number, as shells count.
    Interrupted,
    /// The reader of standard output went away: 128 and the number of SIGPIPE.
    ClosedPipe,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Success => 0,
            Status::Failure => 1,
            Status::Interrupted => 130,
            Status::ClosedPipe => 141,
        })
    }
}
