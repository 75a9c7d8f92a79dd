//! Files that hold batches of columns: Parquet and Arrow.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;

use super::limits::Limits;
use super::reader::Records;
use crate::error::Cause;
use crate::place::label;
use crate::plan::InputFile;
use crate::{InputFormat, InputPlan, PipelineError, Place, Position};

/// The batches of a file.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// What is known of a file before its batches are read.
pub(super) struct Opened {
    pub(super) schema: SchemaRef,
    pub(super) rows: Option<u64>,
    /// Opens the batches behind so many rows, which is put off so that thousands of files need not be open together.
    pub(super) batches: Box<dyn FnOnce(u64) -> Result<Batches, Cause> + Send>,
}

/// Records of files that share their columns.
pub(super) struct Columnar {
    format: InputFormat,
    schema: SchemaRef,
    total: Option<u64>,
    files: VecDeque<(Arc<str>, Opened)>,
    current: Option<Current>,
    /// Rows of the next file that are left out.
    left_out: u64,
}

/// The file that is being read.
struct Current {
    name: Arc<str>,
    batches: Batches,
    /// How many rows were taken out of it.
    taken: u64,
    rest: Option<Rest>,
}

/// What is left of a batch.
struct Rest {
    batch: RecordBatch,
    /// What a row takes up on average, at least 1.
    row_bytes: usize,
}

/// The rows of a window while it is filled.
#[derive(Default)]
struct Gathered {
    parts: Vec<RecordBatch>,
    places: Vec<Place>,
    bytes: usize,
}

impl Columnar {
    /// Looks at all files with `open` and makes sure that they have the same columns.
    pub(super) fn open(
        plan: &InputPlan,
        open: impl Fn(&InputFile) -> Result<Opened, PipelineError>,
    ) -> Result<Self, PipelineError> {
        let mut files: VecDeque<(Arc<str>, Opened)> = VecDeque::new();
        for file in plan.files() {
            files.push_back((file.name().into(), open(file)?));
        }
        let mut schema = Arc::new(Schema::empty());
        if let Some(((first, opened), others)) = files.make_contiguous().split_first() {
            schema = Arc::clone(&opened.schema);
            for (other, opened) in others {
                schema = Arc::new(common(&schema, &opened.schema).map_err(|difference| {
                    PipelineError::DifferentColumns {
                        first: label(first).to_owned(),
                        second: label(other).to_owned(),
                        difference,
                    }
                })?);
            }
        }
        let format = plan.files().first().map_or(InputFormat::Parquet, |file| file.format());
        let total = files.iter().map(|(_, opened)| opened.rows).sum();
        Ok(Self { format, schema, total, files, current: None, left_out: 0 })
    }

    /// The next batch with rows in it, or what is left of one; `None` at the end of the last file.
    fn next_rest(&mut self) -> Result<Option<Rest>, PipelineError> {
        loop {
            let Some(current) = &mut self.current else {
                let Some((name, opened)) = self.files.pop_front() else { return Ok(None) };
                let taken = std::mem::take(&mut self.left_out);
                let batches = (opened.batches)(taken)
                    .map_err(|source| PipelineError::corrupt(&name, self.format, source))?;
                self.current = Some(Current { name, batches, taken, rest: None });
                continue;
            };
            if let Some(rest) = current.rest.take() {
                return Ok(Some(rest));
            }
            let Some(batch) = current.batches.next() else {
                self.current = None;
                continue;
            };
            let batch = batch.map_err(|source| PipelineError::corrupt(&current.name, self.format, source))?;
            if batch.num_rows() > 0 {
                return Rest::new(&self.schema, batch)
                    .map(Some)
                    .map_err(|source| current.does_not_fit(source));
            }
        }
    }
}

impl Records for Columnar {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn total_rows(&self) -> Option<u64> {
        self.total
    }

    fn jump(&mut self, records: u64) -> u64 {
        let mut left = records;
        // Whole files, whose rows are counted in what they say of themselves, and then rows of one.
        while let Some(rows) = self.files.front().and_then(|(_, opened)| opened.rows) {
            if self.current.is_some() || left == 0 {
                break;
            }
            if rows > left {
                self.left_out = left;
                return records;
            }
            self.files.pop_front();
            left -= rows;
        }
        records - left
    }

    fn next_records(&mut self, limits: Limits) -> Result<Option<(RecordBatch, Vec<Place>)>, PipelineError> {
        let mut gathered = Gathered::default();
        while !limits.reached(gathered.places.len(), gathered.bytes) {
            let Some(rest) = self.next_rest()? else { break };
            if let Some(current) = &mut self.current {
                current.take(rest, limits, &mut gathered);
            }
        }
        let Some(last) = gathered.places.last() else { return Ok(None) };
        let batch = match gathered.parts.as_slice() {
            [only] => only.clone(),
            parts => concat_batches(&self.schema, parts)
                .map_err(|source| PipelineError::Assemble { path: label(last.file()).to_owned(), source })?,
        };
        Ok(Some((batch, gathered.places)))
    }
}

impl Current {
    /// Takes as many rows of `rest` as fit, at least one, and keeps the others.
    fn take(&mut self, rest: Rest, limits: Limits, gathered: &mut Gathered) {
        let Rest { batch, row_bytes } = rest;
        let by_bytes = limits.bytes.saturating_sub(gathered.bytes).div_ceil(row_bytes);
        let by_rows = limits.rows.saturating_sub(gathered.places.len());
        let rows = batch.num_rows().min(by_rows).min(by_bytes).max(1);
        gathered.bytes = gathered.bytes.saturating_add(rows.saturating_mul(row_bytes));
        gathered.places.extend(
            (1..=rows as u64).map(|row| Place::new(Arc::clone(&self.name), Position::Row(self.taken + row))),
        );
        self.taken += rows as u64;
        gathered.parts.push(batch.slice(0, rows));
        if rows < batch.num_rows() {
            self.rest = Some(Rest { batch: batch.slice(rows, batch.num_rows() - rows), row_bytes });
        }
    }

    fn does_not_fit(&self, source: ArrowError) -> PipelineError {
        PipelineError::Assemble { path: label(&self.name).to_owned(), source }
    }
}

impl Rest {
    /// All of `batch`, as a part of a table with columns `schema`.
    fn new(schema: &SchemaRef, batch: RecordBatch) -> Result<Self, ArrowError> {
        let mut bytes = 0_usize;
        for column in batch.columns() {
            bytes = bytes.saturating_add(column.to_data().get_slice_memory_size()?);
        }
        let row_bytes = (bytes / batch.num_rows().max(1)).max(1);
        let batch = RecordBatch::try_new(Arc::clone(schema), batch.columns().to_vec())?;
        Ok(Self { batch, row_bytes })
    }
}

/// The columns of two files as one: the same names and types, nullable where either is. Metadata is of the first.
///
/// # Errors
/// The first difference, in words.
fn common(first: &Schema, second: &Schema) -> Result<Schema, String> {
    if first.fields().len() != second.fields().len() {
        return Err(format!("{} columns instead of {}", second.fields().len(), first.fields().len()));
    }
    let fields: Result<Vec<Field>, String> = first
        .fields()
        .iter()
        .zip(second.fields())
        .map(|(one, other)| {
            if (one.name(), one.data_type()) == (other.name(), other.data_type()) {
                return Ok(one.as_ref().clone().with_nullable(one.is_nullable() || other.is_nullable()));
            }
            let shown = |field: &Field| format!("`{}` ({})", field.name(), field.data_type());
            Err(format!("{} instead of {}", shown(other), shown(one)))
        })
        .collect();
    Ok(Schema::new_with_metadata(fields?, first.metadata().clone()))
}
