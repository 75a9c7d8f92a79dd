//! JSON objects, one a line.

use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use arrow_schema::{ArrowError, DataType, FieldRef, Schema, SchemaRef};
use serde::de::IgnoredAny;

use super::output::Output;
use super::vectors::Rows;
use super::writer::{Sink, SinkError};
use super::{VectorType, WriteOptions};
use crate::columns::is_json;
use crate::{OutputFormat, PipelineError};

/// Writes all input columns in their order, then the vector.
pub(super) struct JsonSink {
    output: Output,
    /// What comes before each value: a comma or the opening brace, the key and a colon.
    leads: Vec<Vec<u8>>,
    /// `None` where no vectors are written.
    vector_lead: Option<Vec<u8>>,
    options: EncoderOptions,
}

impl JsonSink {
    pub(super) fn new(
        output: Output,
        schema: SchemaRef,
        write: &WriteOptions,
    ) -> Result<Self, PipelineError> {
        let options = EncoderOptions::default().with_explicit_nulls(true);
        let unsupported = |source: ArrowError| PipelineError::UnsupportedColumns {
            format: OutputFormat::Jsonl,
            source: source.into(),
        };
        let empty = in_utc(&RecordBatch::new_empty(SchemaRef::clone(&schema))).map_err(unsupported)?;
        encoders(&empty, &options).map_err(unsupported)?;
        let keys = schema.fields().iter().map(|field| field.name().as_str());
        let lead = |(index, key)| {
            let mut lead = if index == 0 { b"{".to_vec() } else { b",".to_vec() };
            serde_json::to_writer(&mut lead, key).map(|()| lead.push(b':')).map(|()| lead)
        };
        let leads =
            keys.chain([write.vector_column.as_str()]).enumerate().map(lead).collect::<Result<Vec<_>, _>>();
        let mut leads = leads.map_err(|source| PipelineError::write(output.name(), source))?;
        let vector_lead = leads.pop().filter(|_| write.vectors != VectorType::None);
        Ok(Self { output, leads, vector_lead, options })
    }
}

impl Sink for JsonSink {
    fn write(&mut self, rows: &Rows<'_>) -> Result<(), SinkError> {
        let batch = in_utc(&rows.batch())?;
        let mut columns = encoders(&batch, &self.options)?;
        let mut line = Vec::new();
        for (row, index) in rows.range.clone().enumerate() {
            line.clear();
            for (column, lead) in columns.iter_mut().zip(&self.leads) {
                line.extend_from_slice(lead);
                column.write(row, &mut line);
            }
            if let Some(lead) = &self.vector_lead {
                line.extend_from_slice(lead);
                write_vector(rows, index, &mut line)?;
            }
            line.extend_from_slice(b"}\n");
            self.output.write_all(&line)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Output, SinkError> {
        Ok(self.output)
    }
}

/// The shortest digits that read back to the same binary32, between brackets.
fn write_vector(rows: &Rows<'_>, row: usize, line: &mut Vec<u8>) -> Result<(), SinkError> {
    let values = rows.embeddings.get(row).unwrap_or_default();
    for (index, value) in values.iter().enumerate() {
        if !value.is_finite() {
            let name = rows.window.name(row);
            return Err(SinkError::Rows(PipelineError::NotFinite { name, index, value: *value }));
        }
        line.push(if index == 0 { b'[' } else { b',' });
        serde_json::to_writer(&mut *line, value)?;
    }
    line.push(b']');
    Ok(())
}

/// Points in time of zones that have a name, as the same points in UTC: what the name means is known to a database of
/// zones, not here.
fn in_utc(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let in_utc = |(column, field): (&ArrayRef, &FieldRef)| match field.data_type() {
        DataType::Timestamp(unit, Some(zone)) if !zone.starts_with(['+', '-']) => {
            let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
            let field = field.as_ref().clone().with_data_type(utc);
            Ok((arrow_cast::cast(column, field.data_type())?, Arc::new(field)))
        }
        _ => Ok((Arc::clone(column), Arc::clone(field))),
    };
    let columns = batch.columns().iter().zip(batch.schema_ref().fields()).map(in_utc);
    let (columns, fields): (Vec<_>, Vec<_>) =
        columns.collect::<Result<Vec<_>, ArrowError>>()?.into_iter().unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

/// How the values of a column are written.
enum Encoder<'a> {
    /// As JSON that they already are.
    Json(&'a dyn Array),
    /// By their type.
    Typed(NullableEncoder<'a>),
}

fn encoders<'a>(batch: &'a RecordBatch, options: &'a EncoderOptions) -> Result<Vec<Encoder<'a>>, ArrowError> {
    let columns = batch.columns().iter().zip(batch.schema_ref().fields());
    columns.map(|(column, field)| Encoder::new(field, column.as_ref(), options)).collect()
}

impl<'a> Encoder<'a> {
    fn new(
        field: &'a FieldRef,
        column: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Self, ArrowError> {
        if is_json(field) && column.as_string_opt::<i32>().is_some() {
            return Ok(Self::Json(column));
        }
        make_encoder(field, column, options).map(Self::Typed)
    }

    fn write(&mut self, row: usize, line: &mut Vec<u8>) {
        match self {
            Self::Json(column) if column.is_null(row) => line.extend_from_slice(b"null"),
            Self::Json(column) => write_json(column.as_string::<i32>().value(row), line),
            Self::Typed(encoder) if encoder.is_null(row) => line.extend_from_slice(b"null"),
            Self::Typed(encoder) => encoder.encode(row, line),
        }
    }
}

/// Writes JSON as it is. A text that claims to be JSON and is none, or would break the line, is written as the string
/// that it is.
fn write_json(text: &str, line: &mut Vec<u8>) {
    let fits = !text.contains(['\n', '\r']) && serde_json::from_str::<IgnoredAny>(text).is_ok();
    if fits {
        line.extend_from_slice(text.as_bytes());
    } else {
        line.extend(serde_json::Value::from(text).to_string().bytes());
    }
}
