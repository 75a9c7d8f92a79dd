//! Shards: Parquet in memory until it is whole, and read back.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Int8Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use mbed_core::Embeddings;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::error::JobError;
use super::manifest::Shape;
use crate::error::Cause;
use crate::write::scale_column;
use crate::{OutputFormat, Window, WriteOptions, Writer};

/// A shard that is being written.
pub(super) struct ShardWriter {
    writer: Writer,
    bytes: Shared,
    pub(super) rows: u64,
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
    pub(super) fn new(schema: SchemaRef, options: &WriteOptions) -> Result<Self, JobError> {
        let bytes = Shared::default();
        let stream = Box::new(bytes.clone());
        let writer =
            Writer::to_stream("a shard".to_owned(), stream, OutputFormat::Parquet, (schema, options))?;
        Ok(Self { writer, bytes, rows: 0 })
    }

    pub(super) fn write(&mut self, window: &Window, vectors: &Embeddings) -> Result<(), JobError> {
        self.rows += window.len() as u64;
        Ok(self.writer.write(window, vectors)?)
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, JobError> {
        self.writer.finish()?;
        Ok(std::mem::take(&mut *self.bytes.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Rows of a shard: the columns of records, and their vectors.
pub(super) struct ShardRows {
    pub(super) records: RecordBatch,
    pub(super) vectors: Embeddings,
}

/// Reads a shard batch by batch and hands each to `take`.
///
/// # Errors
/// It cannot be read, does not look as the manifest says, or `take` fails.
pub(super) fn read(
    path: &Path,
    shape: &Shape,
    mut take: impl FnMut(ShardRows) -> Result<(), JobError>,
) -> Result<(), JobError> {
    let failed = |source: Cause| JobError::Shard { path: path.to_owned(), source };
    let file = File::open(path).map_err(|error| failed(error.into()))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
    for batch in reader.map_err(|error| failed(error.into()))? {
        let batch = batch.map_err(|error| failed(error.into()))?;
        let rows = split(&batch, shape)
            .ok_or_else(|| failed(format!("it has no vectors in `{}`", shape.vector_column).into()))?;
        take(rows)?;
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
