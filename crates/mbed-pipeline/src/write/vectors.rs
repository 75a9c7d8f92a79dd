//! Vectors as a column next to those of the input.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, FieldRef, Schema, SchemaRef};
use mbed_core::Embeddings;

use super::{VectorType, WriteOptions};
use crate::{PipelineError, Window};

/// Some rows of a window with their vectors.
pub(super) struct Rows<'a> {
    pub(super) window: &'a Window,
    pub(super) embeddings: &'a Embeddings,
    pub(super) range: Range<usize>,
}

impl Rows<'_> {
    /// The input columns of these rows.
    pub(super) fn batch(&self) -> RecordBatch {
        self.window.batch().slice(self.range.start, self.range.len())
    }

    /// The values of their vectors, row after row.
    pub(super) fn values(&self) -> &[f32] {
        let dimensions = self.embeddings.dimensions();
        let values = self.range.start * dimensions..self.range.end * dimensions;
        self.embeddings.values().get(values).unwrap_or_default()
    }
}

/// The columns of an output: those of the input, then the vectors.
#[derive(Clone, Debug)]
pub(super) struct OutputColumns {
    schema: SchemaRef,
    vectors: VectorType,
    dimensions: i32,
}

impl OutputColumns {
    /// # Errors
    /// The input has a column of the name that the vectors should get, or no column can hold such long vectors.
    pub(super) fn new(input: &Schema, options: &WriteOptions) -> Result<Self, PipelineError> {
        let dimensions = i32::try_from(options.dimensions)
            .map_err(|_| PipelineError::Dimensions { got: options.dimensions })?;
        let mut fields = input.fields().to_vec();
        for field in options.vectors.fields(&options.vector_column, dimensions) {
            if input.index_of(field.name()).is_ok() {
                return Err(PipelineError::ColumnTaken { column: field.name().clone() });
            }
            fields.push(Arc::new(field));
        }
        let schema = Arc::new(Schema::new_with_metadata(fields, input.metadata().clone()));
        Ok(Self { schema, vectors: options.vectors, dimensions })
    }

    /// The same columns, those that are dictionaries as plain values.
    pub(super) fn without_dictionaries(mut self) -> Self {
        let plain = |field: &FieldRef| match field.data_type() {
            DataType::Dictionary(_, values) => {
                Arc::new(field.as_ref().clone().with_data_type(values.as_ref().clone()))
            }
            _ => Arc::clone(field),
        };
        let fields: Vec<_> = self.schema.fields().iter().map(plain).collect();
        self.schema = Arc::new(Schema::new_with_metadata(fields, self.schema.metadata().clone()));
        self
    }

    /// The columns.
    pub(super) const fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether the last column holds vectors.
    pub(super) fn has_vectors(&self) -> bool {
        self.vectors != VectorType::None
    }

    /// The size of one vector, at least 1.
    pub(super) fn vector_bytes(&self) -> usize {
        usize::try_from(self.dimensions).unwrap_or_default().max(1).saturating_mul(size_of::<f32>())
    }

    /// `rows` as a table of these columns.
    pub(super) fn join(&self, rows: &Rows<'_>) -> Result<RecordBatch, ArrowError> {
        let batch = rows.batch();
        let inputs = batch.columns().iter().zip(self.schema.fields());
        let mut columns = inputs
            .map(|(column, field)| arrow_cast::cast(column, field.data_type()))
            .collect::<Result<Vec<ArrayRef>, _>>()?;
        columns.extend(self.vectors.columns(rows.values(), self.dimensions)?);
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}
