//! Weights by canonical name, as they lie in a file or in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use half::{bf16, f16};

use crate::TensorName;

/// Bytes that several tensors share: a mapped file, or a buffer.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// How the values of a tensor are stored, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredType {
    /// binary32
    F32,
    /// binary16
    F16,
    /// bfloat16
    Bf16,
    /// binary64
    F64,
}

impl StoredType {
    /// Bytes of one value.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// One tensor: a shape, and a part of shared bytes that holds its values row-major.
#[derive(Clone)]
pub struct Tensor {
    stored: StoredType,
    shape: Vec<usize>,
    bytes: SharedBytes,
    range: Range<usize>,
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({:?}, {:?})", self.stored, self.shape)
    }
}

impl Tensor {
    /// The values at `range` of `bytes`.
    ///
    /// # Errors
    /// The range is outside the bytes, or is not as long as the shape needs.
    pub fn new(
        stored: StoredType,
        shape: Vec<usize>,
        bytes: SharedBytes,
        range: Range<usize>,
    ) -> Result<Self, TensorError> {
        let elements = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        let needed = elements.and_then(|elements| elements.checked_mul(stored.size()));
        let held = (*bytes).as_ref().get(range.clone()).map(<[u8]>::len);
        if needed.is_none() || needed != held {
            return Err(TensorError::WrongLength { shape, stored, bytes: held });
        }
        Ok(Self { stored, shape, bytes, range })
    }

    /// A tensor of its own values.
    ///
    /// # Errors
    /// There are not as many values as the shape needs.
    pub fn from_f32(shape: Vec<usize>, values: &[f32]) -> Result<Self, TensorError> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let range = 0..bytes.len();
        Self::new(StoredType::F32, shape, Arc::new(bytes), range)
    }

    /// A part of it along the outermost dimension; the bytes stay shared. `None` where it has no such rows.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>) -> Option<Self> {
        let (&count, inner) = self.shape.split_first()?;
        if rows.start > rows.end || rows.end > count {
            return None;
        }
        let row_bytes = inner.iter().product::<usize>() * self.stored.size();
        let start = self.range.start + rows.start * row_bytes;
        let range = start..start + rows.len() * row_bytes;
        let shape = [&[rows.len()], inner].concat();
        Some(Self { stored: self.stored, shape, bytes: Arc::clone(&self.bytes), range })
    }

    /// The sizes of its dimensions, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How its values are stored.
    #[must_use]
    pub const fn stored(&self) -> StoredType {
        self.stored
    }

    /// How many values it has.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its values as they are stored, row-major, little-endian.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref().get(self.range.clone()).unwrap_or_default()
    }

    /// The number of its first value that is NaN or infinite, if it has one.
    #[must_use]
    pub fn first_not_finite(&self) -> Option<usize> {
        // All bits of the exponent are set in both.
        const F16: u16 = 0x7c00;
        const BF16: u16 = 0x7f80;
        let bytes = self.bytes();
        match self.stored {
            StoredType::F32 => first(bytes, |value| !f32::from_le_bytes(value).is_finite()),
            StoredType::F16 => first(bytes, |value| u16::from_le_bytes(value) & F16 == F16),
            StoredType::Bf16 => first(bytes, |value| u16::from_le_bytes(value) & BF16 == BF16),
            StoredType::F64 => first(bytes, |value| !f64::from_le_bytes(value).is_finite()),
        }
    }

    /// Its values as binary32, row-major. binary64 is rounded, the others are exact.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        let bytes = self.bytes();
        match self.stored {
            StoredType::F32 => convert(bytes, f32::from_le_bytes),
            StoredType::F16 => convert(bytes, |value| f16::from_le_bytes(value).to_f32()),
            StoredType::Bf16 => convert(bytes, |value| bf16::from_le_bytes(value).to_f32()),
            StoredType::F64 => convert(bytes, |value| f64::from_le_bytes(value) as f32),
        }
    }
}

/// The number of the first value that is `odd`. Whole blocks are looked at without a branch for each value, which
/// lets the loop run at the speed of memory.
fn first<const SIZE: usize>(bytes: &[u8], odd: impl Fn([u8; SIZE]) -> bool) -> Option<usize> {
    const BLOCK: usize = 1024;
    let (values, _) = bytes.as_chunks::<SIZE>();
    let has_odd = |block: &[[u8; SIZE]]| block.iter().fold(false, |found, &value| found | odd(value));
    let block = values.chunks(BLOCK).position(has_odd)?;
    let inside = values.iter().skip(block * BLOCK).position(|&value| odd(value))?;
    Some(block * BLOCK + inside)
}

fn convert<const SIZE: usize>(bytes: &[u8], value: impl Fn([u8; SIZE]) -> f32) -> Vec<f32> {
    let (chunks, _) = bytes.as_chunks::<SIZE>();
    chunks.iter().map(|&chunk| value(chunk)).collect()
}

/// A tensor that is missing, misshapen or cut short.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// The model needs it and it is not there.
    #[error("tensor `{name}` is missing")]
    Missing {
        /// Its name, as the model's files would write it where that is known.
        name: Cow<'static, str>,
    },
    /// It has another shape than the configuration asks for.
    #[error("tensor `{name}` has shape {got:?}, the configuration asks for {expected:?}")]
    WrongShape {
        /// Its name, as the model's files write it where that is known.
        name: Cow<'static, str>,
        /// What the configuration asks for.
        expected: Vec<usize>,
        /// What the file has.
        got: Vec<usize>,
    },
    /// Its bytes do not hold what its shape says.
    #[error("a tensor of shape {shape:?} in {stored:?} does not fit its {} bytes", bytes.map_or_else(|| "missing".to_owned(), |n| n.to_string()))]
    WrongLength {
        /// Its shape.
        shape: Vec<usize>,
        /// Its type.
        stored: StoredType,
        /// How many bytes it was given, `None` where the range lies outside.
        bytes: Option<usize>,
    },
}

/// Tensors by canonical name.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    tensors: BTreeMap<TensorName, Tensor>,
}

impl Weights {
    /// No tensors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor; one of the same name is replaced.
    pub fn insert(&mut self, name: TensorName, tensor: Tensor) {
        self.tensors.insert(name, tensor);
    }

    /// The tensor called `name`.
    ///
    /// # Errors
    /// It is not there.
    pub fn get(&self, name: TensorName) -> Result<&Tensor, TensorError> {
        self.tensors.get(&name).ok_or_else(|| TensorError::Missing { name: name.to_string().into() })
    }

    /// The tensor called `name`, if it is there and has this shape.
    ///
    /// # Errors
    /// It is not there, or has another shape.
    pub fn get_shaped(&self, name: TensorName, shape: &[usize]) -> Result<&Tensor, TensorError> {
        let tensor = self.get(name)?;
        if tensor.shape() == shape {
            return Ok(tensor);
        }
        Err(TensorError::WrongShape {
            name: name.to_string().into(),
            expected: shape.to_vec(),
            got: tensor.shape().to_vec(),
        })
    }

    /// All tensors in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (TensorName, &Tensor)> {
        self.tensors.iter().map(|(&name, tensor)| (name, tensor))
    }

    /// How many values there are in all tensors together.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.tensors.values().map(Tensor::elements).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_values_become_binary32() {
        let check = |stored, bytes: Vec<u8>| {
            let range = 0..bytes.len();
            let tensor = Tensor::new(stored, vec![2], Arc::new(bytes), range).unwrap();
            assert_eq!(tensor.to_f32(), [1.5, -0.25]);
        };
        check(StoredType::F32, [1.5_f32, -0.25].iter().flat_map(|v| v.to_le_bytes()).collect());
        check(StoredType::F64, [1.5_f64, -0.25].iter().flat_map(|v| v.to_le_bytes()).collect());
        check(StoredType::F16, [1.5, -0.25].iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect());
        check(StoredType::Bf16, [1.5, -0.25].iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect());
    }

    #[test]
    fn rows_are_a_part_of_the_same_bytes() {
        let whole = Tensor::from_f32(vec![3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let part = whole.rows(1..3).unwrap();
        assert_eq!((part.shape(), part.to_f32()), (&[2, 2][..], vec![3.0, 4.0, 5.0, 6.0]));
        assert_eq!(part.rows(0..1).unwrap().to_f32(), [3.0, 4.0]);
        assert!(whole.rows(2..4).is_none() && Tensor::from_f32(vec![], &[1.0]).unwrap().rows(0..0).is_none());
    }

    #[test]
    fn values_that_are_not_finite_are_found() {
        let check = |stored, values: Vec<Vec<u8>>, expected| {
            let (count, bytes) = (values.len(), values.concat());
            let range = 0..bytes.len();
            let tensor = Tensor::new(stored, vec![count], Arc::new(bytes), range).unwrap();
            assert_eq!(tensor.first_not_finite(), expected, "{stored:?}");
        };
        let bytes =
            |values: &[f32]| values.iter().map(|value| value.to_le_bytes().to_vec()).collect::<Vec<_>>();
        check(StoredType::F32, bytes(&[1.0, f32::MAX, f32::MIN_POSITIVE / 2.0, -0.0]), None);
        let mut many = vec![0.5; 3000];
        many[2047] = f32::NEG_INFINITY;
        check(StoredType::F32, bytes(&many), Some(2047));
        check(
            StoredType::F64,
            vec![2.0_f64.to_le_bytes().to_vec(), f64::NAN.to_le_bytes().to_vec()],
            Some(1),
        );
        let half = |value: f32| f16::from_f32(value).to_le_bytes().to_vec();
        check(StoredType::F16, vec![half(65504.0), half(-f32::INFINITY)], Some(1));
        let brain = |value: f32| bf16::from_f32(value).to_le_bytes().to_vec();
        check(StoredType::Bf16, vec![brain(3e38), brain(f32::NAN)], Some(1));
        check(StoredType::Bf16, vec![brain(3e38)], None);
    }

    #[test]
    fn a_tensor_holds_what_its_shape_says() {
        let bytes: SharedBytes = Arc::new(vec![0_u8; 16]);
        let check = |shape: Vec<usize>, range, good: bool| {
            assert_eq!(Tensor::new(StoredType::F32, shape, Arc::clone(&bytes), range).is_ok(), good);
        };
        check(vec![2, 2], 0..16, true);
        check(vec![0, 7], 4..4, true);
        check(vec![2, 2], 4..16, false);
        check(vec![4], 4..20, false);
        check(vec![usize::MAX, 8], 0..16, false);
    }
}
