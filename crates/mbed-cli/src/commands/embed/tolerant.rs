//! A writer for which one row that does not fit into memory is no reason to end.

use mbed::EngineError;
use mbed_core::BackendError;
use mbed_pipeline::{PipelineError, Window, Writer};

use crate::failure::Failure;
use crate::printer::Printer;

/// So many rows are named; the others are counted.
const NAMED: u64 = 20;

/// Writes windows, and names rows that have no vector as they come. Their vectors are all zeros, so that row i of the
/// output still belongs to row i of the input; the run ends with a failure that says so.
pub(super) struct Tolerant<'a> {
    pub(super) writer: Writer,
    printer: &'a Printer,
    failed: u64,
}

impl<'a> Tolerant<'a> {
    pub(super) const fn new(writer: Writer, printer: &'a Printer) -> Self {
        Self { writer, printer, failed: 0 }
    }
}

impl mbed::Sink for Tolerant<'_> {
    type Rows = Window;
    type Error = PipelineError;

    fn row_failed(&mut self, _rows: &Window, _row: usize, error: EngineError) -> Result<(), EngineError> {
        if !matches!(error, EngineError::Compute { source: BackendError::OutOfMemory { .. }, .. }) {
            return Err(error);
        }
        self.failed += 1;
        if self.failed <= NAMED {
            self.printer.failure(&Failure::from(error));
        }
        Ok(())
    }

    fn write(&mut self, rows: &Window, vectors: &mbed::Embeddings) -> Result<(), PipelineError> {
        mbed::Sink::write(&mut self.writer, rows, vectors)
    }
}
