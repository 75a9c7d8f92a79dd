//! The records of CSV files.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::rows::{Next, Rows};
use crate::place::label;
use crate::plan::InputFile;
use crate::read::limits::Limits;
use crate::read::reader::{BadRecord, Bookmark, ReadOptions, Records};
use crate::{InputPlan, PipelineError, Place};

/// Records of files that have one header.
pub(crate) struct CsvRecords {
    schema: SchemaRef,
    rows: Rows,
    total: Option<u64>,
}

impl CsvRecords {
    pub(crate) fn open(plan: &InputPlan, options: &ReadOptions) -> Result<Self, PipelineError> {
        let rows = || Rows::new(plan.files(), options);
        let regular = plan.files().iter().all(InputFile::is_regular);
        let total = match &options.known {
            Some(known) => Some(known.records),
            None => regular.then(|| rows().count()).transpose()?,
        };
        let mut rows = rows();
        let header = rows.header()?;
        let fields: Vec<_> = header.iter().map(|name| Field::new(name, DataType::Utf8, false)).collect();
        Ok(Self { schema: Arc::new(Schema::new(fields)), rows, total })
    }
}

impl Records for CsvRecords {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn total_rows(&self) -> Option<u64> {
        self.total
    }

    fn skipped_rows(&self) -> u64 {
        self.rows.skipped()
    }

    fn bookmark(&self) -> Option<Bookmark> {
        self.rows.bookmark()
    }

    fn seek(&mut self, to: &Bookmark) -> Result<(), PipelineError> {
        self.rows.seek(to)
    }

    fn take_bad(&mut self) -> Vec<BadRecord> {
        self.rows.rejected.take()
    }

    fn next_records(&mut self, limits: Limits) -> Result<Option<(RecordBatch, Vec<Place>)>, PipelineError> {
        let mut builders: Vec<_> = self.schema.fields().iter().map(|_| StringBuilder::new()).collect();
        let mut places: Vec<Place> = Vec::new();
        let mut bytes = 0;
        while !limits.reached(places.len() + self.rows.rejected.len(), bytes) {
            let place = match self.rows.advance()? {
                Some(Next::Row(place)) => place,
                Some(Next::Bad) => continue,
                None => break,
            };
            for (builder, field) in builders.iter_mut().zip(self.rows.fields()) {
                bytes += field.len();
                builder.append_value(field);
            }
            places.push(place);
        }
        if places.len() + self.rows.rejected.len() == 0 {
            return Ok(None);
        }
        let file = places.last().map_or("", Place::file).to_owned();
        let columns: Vec<ArrayRef> =
            builders.iter_mut().map(|builder| Arc::new(builder.finish()) as _).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|source| PipelineError::Assemble { path: label(&file).to_owned(), source })?;
        Ok(Some((batch, places)))
    }
}
