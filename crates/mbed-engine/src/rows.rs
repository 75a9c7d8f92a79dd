//! What the engine reads from and writes to.

use std::error::Error;
use std::ops::Range;

use mbed_core::Embeddings;

use crate::EngineError;

/// Where the text of a row stands in a longer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Within<'a> {
    /// The number of the longer text in its window; the rows of one are neighbours.
    pub document: usize,
    /// The longer text.
    pub text: &'a str,
    /// The bytes of it that are the row's own text.
    pub span: Range<usize>,
}

/// Rows that travel together: one window of an input.
pub trait Rows: Send + Sync {
    /// How many rows there are.
    fn len(&self) -> usize;

    /// The text of row `row`, which is below [`Rows::len`].
    fn text(&self, row: usize) -> &str;

    /// What a person calls row `row`: a file and a line, or an id.
    fn name(&self, row: usize) -> String;

    /// The longer text that row `row` is read within: its vector is then pooled out of that one's tokens. By default its
    /// own text is all that is read.
    fn within(&self, _row: usize) -> Option<Within<'_>> {
        None
    }

    /// Whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where rows come from, window by window.
pub trait Source: Send {
    /// One window.
    type Rows: Rows;
    /// Why it could not be read.
    type Error: Error + Send;

    /// The next window, or `None` at the end.
    ///
    /// # Errors
    /// The input cannot be read; the run ends.
    fn next_rows(&mut self) -> Result<Option<Self::Rows>, Self::Error>;
}

/// Where windows go with their vectors.
pub trait Sink {
    /// One window.
    type Rows: Rows;
    /// Why it could not be written.
    type Error: Error;

    /// Hears that `row` of a window has no vector because it did not fit into memory alone, could not be tokenised, or is
    /// too long where that is an error. All other rows are computed if this returns without an error; in
    /// [`Sink::write`], which comes next for this window, the vector of this one is then all zeros.
    ///
    /// # Errors
    /// The run is to end, as it does by default.
    fn row_failed(&mut self, _rows: &Self::Rows, _row: usize, error: EngineError) -> Result<(), EngineError> {
        Err(error)
    }

    /// Takes a window: vector `i` of `vectors` belongs to row `i` of `rows`. Windows come in the order of the
    /// source, each once, none left out.
    ///
    /// # Errors
    /// The output cannot be written; the run ends.
    fn write(&mut self, rows: &Self::Rows, vectors: &Embeddings) -> Result<(), Self::Error>;
}
