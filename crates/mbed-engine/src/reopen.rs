//! Opening a session anew whose device was lost.

use std::fmt;

use mbed_core::{BackendError, Session};

/// Opens the session of a number anew.
type Open = dyn Fn(usize) -> Result<Box<dyn Session>, BackendError> + Send + Sync;

/// How sessions are opened anew whose device was lost, by their numbers in the engine.
pub struct Reopen(Box<Open>);

impl Reopen {
    /// Calls `open`.
    pub fn new(
        open: impl Fn(usize) -> Result<Box<dyn Session>, BackendError> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(open))
    }

    pub(crate) fn call(&self, session: usize) -> Result<Box<dyn Session>, BackendError> {
        (self.0)(session)
    }
}

impl fmt::Debug for Reopen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reopen")
    }
}
