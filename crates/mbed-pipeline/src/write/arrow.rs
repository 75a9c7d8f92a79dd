//! Arrow IPC: the file format in files, the streaming format elsewhere.

use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::ArrowError;

use super::output::Output;
use super::vectors::{OutputColumns, Rows};
use super::writer::{Sink, SinkError};
use crate::PipelineError;

/// Writes batches as they come.
pub(super) struct ArrowSink {
    columns: OutputColumns,
    layout: Layout,
}

enum Layout {
    File(Box<FileWriter<Output>>),
    Stream(Box<StreamWriter<Output>>),
}

impl ArrowSink {
    pub(super) fn new(output: Output, columns: OutputColumns) -> Result<Self, PipelineError> {
        let name = output.name().to_owned();
        // A file has one dictionary a column for all batches, where inputs may have one a batch.
        let columns = if output.is_file() { columns.without_dictionaries() } else { columns };
        let layout = Layout::begin(output, &columns).map_err(|source| PipelineError::write(&name, source))?;
        Ok(Self { columns, layout })
    }
}

impl Layout {
    fn begin(output: Output, columns: &OutputColumns) -> Result<Self, ArrowError> {
        Ok(if output.is_file() {
            Self::File(Box::new(FileWriter::try_new(output, columns.schema())?))
        } else {
            Self::Stream(Box::new(StreamWriter::try_new(output, columns.schema())?))
        })
    }
}

impl Sink for ArrowSink {
    fn write(&mut self, rows: &Rows<'_>) -> Result<(), SinkError> {
        let batch = self.columns.join(rows)?;
        match &mut self.layout {
            Layout::File(writer) => writer.write(&batch)?,
            Layout::Stream(writer) => writer.write(&batch)?,
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Output, SinkError> {
        Ok(match self.layout {
            Layout::File(writer) => writer.into_inner()?,
            Layout::Stream(writer) => writer.into_inner()?,
        })
    }
}
