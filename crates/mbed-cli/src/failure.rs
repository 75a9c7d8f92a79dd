//! Why a command failed, with what to do about it.

use std::error::Error;
use std::fmt;

use mbed_core::Hint;
use mbed_pipeline::PipelineError;

use crate::status::Status;

/// Why a command failed: an error with its causes, and a hint.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Box<dyn Error + Send + Sync>,
    hint: Option<String>,
    pub(crate) status: Status,
}

impl Failure {
    /// An error that is nobody else's.
    pub(crate) fn new(message: impl Into<String>, hint: Option<&str>) -> Self {
        Self { error: message.into().into(), hint: hint.map(str::to_owned), status: Status::Failure }
    }

    /// The end that Ctrl-C asked for.
    pub(crate) fn interrupted() -> Self {
        let hint = "no output file was written; they appear only when they are whole".to_owned();
        Self { error: "interrupted".into(), hint: Some(hint), status: Status::Interrupted }
    }

    pub(crate) fn pipeline(error: PipelineError) -> Self {
        let status = if error.is_closed_pipe() { Status::ClosedPipe } else { Status::Failure };
        Self { status, ..Self::from(error) }
    }
}

impl<E: Error + Hint + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { hint: error.hint(), error: Box::new(error), status: Status::Failure }
    }
}

impl fmt::Display for Failure {
    /// The message, its causes, and after them the hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.error)?;
        let mut cause = self.error.source();
        while let Some(error) = cause {
            write!(f, "\n  caused by: {error}")?;
            cause = error.source();
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
