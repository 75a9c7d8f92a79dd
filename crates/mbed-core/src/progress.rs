//! How long work tells of itself, without knowing who listens.

/// What kind of work is counted, so that a listener can choose words and units.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Task {
    /// Bytes of a file that is being fetched; the name is shown to people.
    Download(String),
    /// Rows that are being embedded.
    Embed,
}

/// A listener for progress. Drawn by front ends only; libraries call it.
///
/// Calls may come from any thread.
pub trait Progress: Send + Sync {
    /// A task begins. `total` is in the task's own unit, bytes or rows, where it is known.
    fn begin(&self, task: &Task, total: Option<u64>);
    /// `amount` more units are done, holding `tokens` tokens (0 where tokens have no meaning).
    fn advance(&self, amount: u64, tokens: u64);
    /// The task has ended, well or badly.
    fn end(&self);
}

/// A listener that ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _task: &Task, _total: Option<u64>) {}
    fn advance(&self, _amount: u64, _tokens: u64) {}
    fn end(&self) {}
}
