//! How the values of vectors are written.

use std::fmt;
use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float16Array, Float32Array, Int8Array};
use arrow_schema::{ArrowError, DataType, Field};
use half::f16;

use crate::{OutputFormat, PipelineError, names};

/// How the values of vectors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VectorType {
    /// binary32, as they are.
    #[default]
    Float32,
    /// binary16, the nearest.
    Float16,
    /// Whole numbers from -127 to 127, and in a column `<name>_scale` what to multiply them with.
    Int8,
    /// Not at all: records alone.
    None,
}

/// The largest of the whole numbers.
const INT8_MOST: f32 = 127.0;

impl VectorType {
    /// Every type, in the order that messages list them.
    pub const ALL: [Self; 4] = [Self::Float32, Self::Float16, Self::Int8, Self::None];

    /// The lower-case name that settings and flags use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float32 => "f32",
            Self::Float16 => "f16",
            Self::Int8 => "int8",
            Self::None => "none",
        }
    }

    /// Whether a format can hold them.
    pub(super) const fn fits(self, format: OutputFormat) -> bool {
        match format {
            OutputFormat::Parquet | OutputFormat::Arrow => true,
            OutputFormat::Jsonl => matches!(self, Self::Float32 | Self::None),
            OutputFormat::Npy => matches!(self, Self::Float32),
        }
    }

    /// The columns for vectors, their values in the last.
    pub(super) fn fields(self, name: &str, dimensions: i32) -> Vec<Field> {
        let Some(item) = self.item() else { return Vec::new() };
        let vectors = Field::new(name, DataType::FixedSizeList(Arc::new(item), dimensions), false);
        match self {
            Self::Int8 => vec![Field::new(scale_column(name), DataType::Float32, false), vectors],
            _ => vec![vectors],
        }
    }

    /// The values of those columns.
    pub(super) fn columns(self, values: &[f32], dimensions: i32) -> Result<Vec<ArrayRef>, ArrowError> {
        let Some(item) = self.item() else { return Ok(Vec::new()) };
        let mut columns: Vec<ArrayRef> = Vec::new();
        let flat: ArrayRef = match self {
            Self::Float16 => {
                Arc::new(values.iter().map(|&value| f16::from_f32(value)).collect::<Float16Array>())
            }
            Self::Int8 => {
                let (scales, numbers) = quantise(values, dimensions);
                columns.push(Arc::new(Float32Array::from(scales)));
                Arc::new(Int8Array::from(numbers))
            }
            _ => Arc::new(Float32Array::from(values.to_vec())),
        };
        columns.push(Arc::new(FixedSizeListArray::try_new(Arc::new(item), dimensions, flat, None)?));
        Ok(columns)
    }

    fn item(self) -> Option<Field> {
        let value = match self {
            Self::Float32 => DataType::Float32,
            Self::Float16 => DataType::Float16,
            Self::Int8 => DataType::Int8,
            Self::None => return None,
        };
        Some(Field::new("item", value, false))
    }
}

/// The column of the scales of vectors in the column `name`.
pub(crate) fn scale_column(name: &str) -> String {
    format!("{name}_scale")
}

/// Of each vector a scale, at which its largest value is the largest whole number, and its values in that scale.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded, and scaled to at most the largest whole number"
)]
fn quantise(values: &[f32], dimensions: i32) -> (Vec<f32>, Vec<i8>) {
    let width = usize::try_from(dimensions).unwrap_or_default().max(1);
    let mut numbers = Vec::with_capacity(values.len());
    let scale = |vector: &[f32]| {
        let scale = vector.iter().fold(0.0_f32, |most, value| most.max(value.abs())) / INT8_MOST;
        let divisor = if scale > 0.0 { scale } else { 1.0 };
        numbers.extend(vector.iter().map(|value| (value / divisor).round() as i8));
        scale
    };
    (values.chunks(width).map(scale).collect(), numbers)
}

impl fmt::Display for VectorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for VectorType {
    type Err = PipelineError;

    fn from_str(name: &str) -> Result<Self, PipelineError> {
        names::find("type of vectors", name, (&Self::ALL, Self::name))
    }
}
