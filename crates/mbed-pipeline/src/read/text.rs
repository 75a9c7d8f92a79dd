//! Texts and Markdown as records.

use std::sync::Arc;

use arrow_array::builder::{StringBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::limits::Limits;
use super::lines::{Line, Lines, Next};
use super::reader::{BadRecord, Bookmark, ReadOptions, Records};
use crate::columns::TEXT;
use crate::place::label;
use crate::plan::InputFile;
use crate::{InputPlan, PipelineError, Place, Position};

/// Records with the columns `source`, `line` and `text`.
pub(super) struct TextRecords {
    schema: SchemaRef,
    lines: Lines,
    total: Option<u64>,
}

impl TextRecords {
    pub(super) fn open(plan: &InputPlan, options: &ReadOptions) -> Result<Self, PipelineError> {
        let lines = || Lines::new(plan.files(), options, options.text_files);
        let regular = plan.files().iter().all(InputFile::is_regular);
        let total = match &options.known {
            Some(known) => Some(known.records),
            None => regular.then(|| lines().count()).transpose()?,
        };
        let schema = Arc::new(Schema::new(vec![
            Field::new("source", DataType::Utf8, false),
            Field::new("line", DataType::UInt64, true),
            Field::new(TEXT, DataType::Utf8, false),
        ]));
        Ok(Self { schema, lines: lines(), total })
    }
}

impl Records for TextRecords {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn total_rows(&self) -> Option<u64> {
        self.total
    }

    fn skipped_rows(&self) -> u64 {
        self.lines.skipped()
    }

    fn bookmark(&self) -> Option<Bookmark> {
        self.lines.bookmark()
    }

    fn seek(&mut self, to: &Bookmark) -> Result<(), PipelineError> {
        self.lines.seek(to)
    }

    fn take_bad(&mut self) -> Vec<BadRecord> {
        self.lines.rejected.take()
    }

    fn next_records(&mut self, limits: Limits) -> Result<Option<(RecordBatch, Vec<Place>)>, PipelineError> {
        let mut table = Table::default();
        while !limits.reached(table.places.len() + self.lines.rejected.len(), table.bytes) {
            match self.lines.advance()? {
                Some(Next::Line(line)) => table.push(line),
                Some(Next::Bad) => {}
                None => break,
            }
        }
        table.finish(&self.schema, self.lines.rejected.len())
    }
}

/// The rows of a window while it is filled.
#[derive(Default)]
struct Table {
    source: StringBuilder,
    line: UInt64Builder,
    text: StringBuilder,
    places: Vec<Place>,
    bytes: usize,
}

impl Table {
    fn push(&mut self, Line { text, place }: Line) {
        self.bytes += place.file().len() + text.len();
        self.source.append_value(place.file());
        self.line.append_option(match place.position() {
            Position::Line(line) => Some(line),
            Position::Whole | Position::Row(_) => None,
        });
        self.text.append_value(&text);
        self.places.push(place);
    }

    fn finish(
        mut self,
        schema: &SchemaRef,
        bad: usize,
    ) -> Result<Option<(RecordBatch, Vec<Place>)>, PipelineError> {
        if self.places.len() + bad == 0 {
            return Ok(None);
        }
        let file = self.places.last().map_or("", Place::file).to_owned();
        let columns: Vec<ArrayRef> =
            vec![Arc::new(self.source.finish()), Arc::new(self.line.finish()), Arc::new(self.text.finish())];
        let batch = RecordBatch::try_new(Arc::clone(schema), columns)
            .map_err(|source| PipelineError::Assemble { path: label(&file).to_owned(), source })?;
        Ok(Some((batch, self.places)))
    }
}
