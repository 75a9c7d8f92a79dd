//! Shards: a format in memory until it is whole, and read back.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Int8Type};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{ArrowError, DataType, SchemaRef};
use bytes::{Buf as _, Bytes};
use mbed_core::Embeddings;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::copy::{self, CopyRows};
use super::error::JobError;
use super::manifest::Shape;
use crate::error::Cause;
use crate::write::{NPY_HEADER_BYTES, scale_column};
use crate::{OutputFormat, PipelineError, Window, WriteOptions, Writer};

/// A shard that is being written.
pub(super) struct ShardWriter {
    form: Form,
    pub(super) rows: u64,
}

enum Form {
    File { writer: Box<Writer>, bytes: Shared },
    Table(CopyRows),
}

/// Bytes that a writer fills and this module takes back.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ShardWriter {
    /// A shard of `unit` of the job called `job`.
    pub(super) fn new(
        shape: &Shape,
        (schema, options): (SchemaRef, &WriteOptions),
        (job, unit): (&str, u64),
    ) -> Result<Self, JobError> {
        if shape.is_table() {
            return Ok(Self { form: Form::Table(CopyRows::new(job, unit, shape.table.clone())), rows: 0 });
        }
        let bytes = Shared::default();
        let stream = Box::new(bytes.clone());
        let writer = Writer::to_stream("a shard".to_owned(), stream, shape.files(), (schema, options))?;
        Ok(Self { form: Form::File { writer: Box::new(writer), bytes }, rows: 0 })
    }

    /// The rows that cannot be written, with the reason.
    pub(super) fn refusals(&self, window: &Window) -> Vec<(usize, String)> {
        match &self.form {
            Form::File { .. } => Vec::new(),
            Form::Table(_) => copy::refusals(window.batch()),
        }
    }

    pub(super) fn write(&mut self, window: &Window, vectors: &Embeddings) -> Result<(), JobError> {
        self.rows += window.len() as u64;
        match &mut self.form {
            Form::File { writer, .. } => Ok(writer.write(window, vectors)?),
            Form::Table(rows) => {
                let failed = |source: ArrowError| PipelineError::write("a table", source);
                Ok(rows.write(window.batch(), vectors).map_err(failed)?)
            }
        }
    }

    pub(super) fn finish(self) -> Result<Bytes, JobError> {
        match self.form {
            Form::Table(rows) => Ok(rows.finish()),
            Form::File { writer, bytes } => {
                writer.finish()?;
                let bytes = std::mem::take(&mut *bytes.0.lock().unwrap_or_else(PoisonError::into_inner));
                Ok(bytes.into())
            }
        }
    }
}

/// Rows of a shard: the columns of records, and their vectors.
pub(super) struct ShardRows {
    pub(super) records: RecordBatch,
    pub(super) vectors: Embeddings,
}

/// Reads a shard of columns batch by batch and hands each to `take`.
///
/// # Errors
/// It cannot be read, does not look as the manifest says, or `take` fails.
pub(super) fn read(
    (name, bytes): (&str, Bytes),
    shape: &Shape,
    mut take: impl FnMut(ShardRows) -> Result<(), JobError>,
) -> Result<(), JobError> {
    let failed = |source: Cause| JobError::Shard { path: name.into(), source };
    let batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>> = match shape.files() {
        OutputFormat::Arrow => {
            let reader = StreamReader::try_new(bytes.reader(), None);
            Box::new(reader.map_err(|error| failed(error.into()))?)
        }
        _ => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).and_then(|builder| builder.build());
            Box::new(reader.map_err(|error| failed(error.into()))?)
        }
    };
    for batch in batches {
        let batch = batch.map_err(|error| failed(error.into()))?;
        let rows = split(&batch, shape)
            .ok_or_else(|| failed(format!("it has no vectors in `{}`", shape.vector_column).into()))?;
        take(rows)?;
    }
    Ok(())
}

/// Hands every vector of a shard of any form to `take`.
///
/// # Errors
/// It cannot be read, or does not look as the manifest says.
pub(super) fn vectors(
    (name, bytes): (&str, Bytes),
    shape: &Shape,
    mut take: impl FnMut(&[f32]),
) -> Result<(), JobError> {
    let failed = |reason: String| JobError::Shard { path: name.into(), source: reason.into() };
    if shape.is_table() {
        return copy::vectors(&bytes, take).map_err(failed);
    }
    match shape.files() {
        OutputFormat::Parquet | OutputFormat::Arrow => read((name, bytes), shape, |rows| {
            rows.vectors.iter().for_each(&mut take);
            Ok(())
        }),
        OutputFormat::Jsonl => json_vectors(&bytes, &shape.vector_column, take).map_err(failed),
        OutputFormat::Npy => {
            npy_values(&bytes, shape).map_err(failed)?.chunks(shape.dimensions.max(1)).for_each(take);
            Ok(())
        }
    }
}

/// Hands the vectors of a shard that has no records to `take`, as rows with an empty text.
///
/// # Errors
/// As [`read`].
pub(super) fn npy_rows(
    (name, bytes): (&str, Bytes),
    shape: &Shape,
    mut take: impl FnMut(ShardRows) -> Result<(), JobError>,
) -> Result<(), JobError> {
    let failed = |source: Cause| JobError::Shard { path: name.into(), source };
    let values = npy_values(&bytes, shape).map_err(|reason| failed(reason.into()))?;
    let rows = values.len() / shape.dimensions.max(1);
    let texts: ArrayRef = Arc::new(StringArray::from(vec![""; rows]));
    let records = RecordBatch::try_from_iter([(shape.text_column.clone(), texts)]);
    let mut vectors = Embeddings::new();
    vectors.reset(rows, shape.dimensions);
    vectors.values_mut().copy_from_slice(&values);
    take(ShardRows { records: records.map_err(|error| failed(error.into()))?, vectors })
}

fn npy_values(bytes: &[u8], shape: &Shape) -> Result<Vec<f32>, String> {
    let (values, rest) = bytes.get(NPY_HEADER_BYTES..).ok_or("it is cut short")?.as_chunks::<4>();
    if !rest.is_empty() || values.len() % shape.dimensions.max(1) != 0 {
        return Err("it is cut short".to_owned());
    }
    Ok(values.iter().map(|value| f32::from_le_bytes(*value)).collect())
}

fn json_vectors(bytes: &[u8], column: &str, mut take: impl FnMut(&[f32])) -> Result<(), String> {
    for (line, text) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let row: Value = serde_json::from_slice(text).map_err(|error| format!("line {line}: {error}"))?;
        let values = row.get(column).and_then(Value::as_array);
        #[expect(clippy::cast_possible_truncation, reason = "they were binary32 when they were written")]
        let values =
            values.and_then(|values| values.iter().map(|value| Some(value.as_f64()? as f32)).collect());
        let values: Vec<f32> = values.ok_or_else(|| format!("line {line} has no vector in `{column}`"))?;
        take(&values);
    }
    Ok(())
}

fn split(batch: &RecordBatch, shape: &Shape) -> Option<ShardRows> {
    let schema = batch.schema();
    let own = [shape.vector_column.clone(), scale_column(&shape.vector_column)];
    let is_int8 = shape.vectors == "int8";
    let is_own = |name: &String| *name == own[0] || (is_int8 && *name == own[1]);
    let kept: Vec<usize> =
        (0..batch.num_columns()).filter(|&index| !is_own(schema.field(index).name())).collect();
    let lists = batch.column_by_name(&own[0])?.as_fixed_size_list_opt()?;
    let values = lists.values();
    let mut flat: Vec<f32> = match values.data_type() {
        DataType::Float32 => values.as_primitive::<Float32Type>().values().to_vec(),
        DataType::Float16 => {
            values.as_primitive::<Float16Type>().values().iter().map(|value| value.to_f32()).collect()
        }
        DataType::Int8 => {
            values.as_primitive::<Int8Type>().values().iter().map(|&value| f32::from(value)).collect()
        }
        _ => return None,
    };
    let dimensions = usize::try_from(lists.value_length()).ok()?;
    if values.data_type() == &DataType::Int8 {
        let scales = batch.column_by_name(&own[1])?.as_primitive_opt::<Float32Type>()?;
        for (vector, scale) in flat.chunks_mut(dimensions.max(1)).zip(scales.values()) {
            vector.iter_mut().for_each(|value| *value *= scale);
        }
    }
    let mut vectors = Embeddings::new();
    vectors.reset(batch.num_rows(), dimensions);
    vectors.values_mut().copy_from_slice(flat.get(..batch.num_rows() * dimensions)?);
    Some(ShardRows { records: batch.project(&kept).ok()?, vectors })
}
