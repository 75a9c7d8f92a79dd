//! Rows as PostgreSQL takes them: binary COPY.
//!
//! The layout is that of <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format": a signature, then each row
//! as the number of its fields and each field as its length and its bytes, all numbers with the highest byte first. A
//! vector is the number of its values, two bytes of zeros, and the values
//! (<https://github.com/pgvector/pgvector>, `vector_send`). What the server gives back of such rows has the same bytes,
//! so that a checksum over them holds.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow_json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use bytes::Bytes;
use mbed_core::Embeddings;
use serde::{Deserialize, Serialize};

/// What rows begin with: a signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What they end with: a row of -1 fields.
const END: [u8; 2] = (-1_i16).to_be_bytes();

/// The columns that say which row of which unit of which job it is.
pub(super) const OWN: [&str; 3] = ["mbed_job", "mbed_unit", "mbed_row"];

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableColumn {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Bool,
    Integer,
    Float,
    Text,
    Json,
}

impl Kind {
    fn of(field: &Field) -> Self {
        if crate::columns::is_json(field) {
            return Self::Json;
        }
        match field.data_type() {
            DataType::Boolean => Self::Bool,
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Self::Integer,
            DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => Self::Integer,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            nested if nested.is_nested() => Self::Json,
            _ => Self::Text,
        }
    }

    /// What SQL calls it.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only a table asks"))]
    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Integer => "bigint",
            Self::Float => "double precision",
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// The columns of a table for records.
pub(super) fn columns(schema: &Schema) -> Vec<TableColumn> {
    let column = |field: &Field| TableColumn { name: field.name().clone(), kind: Kind::of(field) };
    schema.fields().iter().map(|field| column(field)).collect()
}

/// Rows on their way into a table.
pub(super) struct CopyRows {
    job: String,
    unit: i64,
    columns: Vec<TableColumn>,
    bytes: Vec<u8>,
    rows: i64,
}

impl CopyRows {
    pub(super) fn new(job: &str, unit: u64, columns: Vec<TableColumn>) -> Self {
        let unit = i64::try_from(unit).unwrap_or(i64::MAX);
        Self { job: job.to_owned(), unit, columns, bytes: HEADER.to_vec(), rows: 0 }
    }

    /// Adds records with their vectors.
    pub(super) fn write(&mut self, batch: &RecordBatch, vectors: &Embeddings) -> Result<(), ArrowError> {
        let options = EncoderOptions::default();
        // Nested values are encoded from columns that live as long as this.
        let schema = batch.schema();
        let pairs = self.columns.iter().zip(schema.fields()).zip(batch.columns());
        let mut values = pairs
            .map(|((column, field), array)| match column.kind {
                Kind::Json if !crate::columns::is_json(field) => {
                    Ok(Values::Nested(make_encoder(field, array.as_ref(), &options)?))
                }
                kind => Values::plain(kind, array),
            })
            .collect::<Result<Vec<_>, ArrowError>>()?;
        let fields = i16::try_from(OWN.len() + values.len() + 1)
            .map_err(|_| ArrowError::InvalidArgumentError("too many columns for a table".to_owned()))?;
        for (row, vector) in vectors.iter().enumerate() {
            self.bytes.extend(fields.to_be_bytes());
            put(&mut self.bytes, self.job.as_bytes());
            put(&mut self.bytes, &self.unit.to_be_bytes());
            put(&mut self.bytes, &self.rows.to_be_bytes());
            for value in &mut values {
                value.put(row, &mut self.bytes);
            }
            put_vector(&mut self.bytes, vector);
            self.rows += 1;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Bytes {
        self.bytes.extend(END);
        self.bytes.into()
    }
}

/// What a table cannot hold: rows with a text that has the character U+0000 in it.
pub(super) fn refusals(batch: &RecordBatch) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if Kind::of(field) != Kind::Text {
            continue;
        }
        let Ok(texts) = arrow_cast::cast(column, &DataType::Utf8View) else { continue };
        let texts = texts.as_string_view();
        let has_null = |row: &usize| !texts.is_null(*row) && texts.value(*row).contains('\0');
        let reason =
            format!("column `{}` has the character U+0000, which PostgreSQL cannot hold", field.name());
        found.extend((0..texts.len()).filter(has_null).map(|row| (row, reason.clone())));
    }
    found
}

/// The values of a column.
enum Values<'a> {
    Bool(BooleanArray),
    Integer(Int64Array),
    Float(Float64Array),
    Text(StringViewArray),
    Nested(NullableEncoder<'a>),
}

impl Values<'_> {
    fn plain(kind: Kind, array: &ArrayRef) -> Result<Self, ArrowError> {
        let cast = |data_type| arrow_cast::cast(array, &data_type);
        Ok(match kind {
            Kind::Bool => Self::Bool(cast(DataType::Boolean)?.as_boolean().clone()),
            Kind::Integer => Self::Integer(cast(DataType::Int64)?.as_primitive::<Int64Type>().clone()),
            Kind::Float => Self::Float(cast(DataType::Float64)?.as_primitive::<Float64Type>().clone()),
            Kind::Text | Kind::Json => Self::Text(cast(DataType::Utf8View)?.as_string_view().clone()),
        })
    }

    fn put(&mut self, row: usize, bytes: &mut Vec<u8>) {
        match self {
            Self::Bool(values) if values.is_valid(row) => put(bytes, &[u8::from(values.value(row))]),
            Self::Integer(values) if values.is_valid(row) => put(bytes, &values.value(row).to_be_bytes()),
            Self::Float(values) if values.is_valid(row) => put(bytes, &values.value(row).to_be_bytes()),
            Self::Text(values) if values.is_valid(row) => put(bytes, values.value(row).as_bytes()),
            Self::Nested(encoder) if !encoder.is_null(row) => {
                let mut json = Vec::new();
                encoder.encode(row, &mut json);
                put(bytes, &json);
            }
            _ => bytes.extend((-1_i32).to_be_bytes()),
        }
    }
}

/// A field. PostgreSQL takes no value of a gigabyte or more, and tells so itself.
fn put(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.extend(i32::try_from(value.len()).unwrap_or(i32::MAX).to_be_bytes());
    bytes.extend_from_slice(value);
}

fn put_vector(bytes: &mut Vec<u8>, vector: &[f32]) {
    let length = 2 * size_of::<i16>() + size_of_val(vector);
    bytes.extend(i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes());
    bytes.extend(i16::try_from(vector.len()).unwrap_or(i16::MAX).to_be_bytes());
    bytes.extend(0_i16.to_be_bytes());
    bytes.extend(vector.iter().flat_map(|value| value.to_be_bytes()));
}

/// The vectors of rows, each the last of its fields.
///
/// # Errors
/// The bytes are not what [`CopyRows`] writes; in words.
pub(super) fn vectors(bytes: &[u8], mut take: impl FnMut(&[f32])) -> Result<(), String> {
    let mut rest = bytes.strip_prefix(HEADER).ok_or("it does not begin as binary rows do")?;
    loop {
        let fields = i16::from_be_bytes(head(&mut rest).ok_or("it is cut short")?);
        if fields == -1 {
            return if rest.is_empty() {
                Ok(())
            } else {
                Err("there is something behind its end".to_owned())
            };
        }
        let mut last: &[u8] = &[];
        for _ in 0..fields {
            let length = i32::from_be_bytes(head(&mut rest).ok_or("it is cut short")?);
            let length = usize::try_from(length).unwrap_or_default();
            let (field, behind) = rest.split_at_checked(length).ok_or("it is cut short")?;
            (last, rest) = (field, behind);
        }
        let values = last.get(2 * size_of::<i16>()..).unwrap_or_default();
        let (values, _) = values.as_chunks::<4>();
        take(&values.iter().map(|value| f32::from_be_bytes(*value)).collect::<Vec<f32>>());
    }
}

/// Takes the first bytes off.
fn head<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int32Array, StringArray};

    use super::*;

    #[test]
    fn rows_have_the_bytes_of_the_documentation() {
        let batch = RecordBatch::try_from_iter([
            ("n", Arc::new(Int32Array::from(vec![Some(7), None])) as ArrayRef),
            ("text", Arc::new(StringArray::from(vec!["a", "b\0"])) as ArrayRef),
        ])
        .unwrap();
        let mut vectors = Embeddings::new();
        vectors.reset(2, 2);
        vectors.values_mut().copy_from_slice(&[1.0, -0.0, 0.5, 2.0]);
        let mut rows = CopyRows::new("j", 3, columns(&batch.schema()));
        rows.write(&batch, &vectors).unwrap();
        let bytes = rows.finish();
        let first = [
            &b"PGCOPY\n\xff\r\n\0"[..],
            &[0; 8],
            &[0, 6],
            &[0, 0, 0, 1],
            b"j",
            &[0, 0, 0, 8],
            &3_i64.to_be_bytes(),
            &[0, 0, 0, 8],
            &0_i64.to_be_bytes(),
            &[0, 0, 0, 8],
            &7_i64.to_be_bytes(),
            &[0, 0, 0, 1],
            b"a",
            &[0, 0, 0, 12, 0, 2, 0, 0, 0x3f, 0x80, 0, 0, 0x80, 0, 0, 0],
        ]
        .concat();
        assert_eq!(bytes[..first.len()], first);
        assert!(bytes.ends_with(&[0xff, 0xff]));
        let mut read = Vec::new();
        super::vectors(&bytes, |vector| read.push(vector.to_vec())).unwrap();
        assert_eq!(read, [vec![1.0, -0.0], vec![0.5, 2.0]]);
        assert!(super::vectors(&bytes[..bytes.len() - 1], |_| {}).is_err());
        assert_eq!(refusals(&batch).iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1]);
    }
}
