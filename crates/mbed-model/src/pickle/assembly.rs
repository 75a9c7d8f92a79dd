//! From the views and storages of a pickle to tensors by name.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use mbed_core::{SharedBytes, Tensor};
use safetensors::Dtype;

use super::PickleError;
use super::layout::Layout;
use super::value::{Object, Pickled, StorageRef, TensorRef, Value, element_bytes};
use crate::tensors::{NamedTensors, stored_type};

/// The most dimensions of a tensor; no module has a weight of more than five.
const DIMENSIONS: usize = 8;

/// The longest name of a tensor. A file could repeat a longer one without end at a few bytes each.
const LONGEST_NAME: usize = 1000;

/// How often the length of the file may be copied to bring values into row-major order. A view that repeats its
/// values could ask for any amount.
const COPIES: usize = 4;

/// A part of an error: why a tensor cannot be.
type Reason = &'static str;

/// What tensors are made from.
pub(super) struct Assembly<'a> {
    pickled: &'a Pickled<'a>,
    storages: &'a BTreeMap<&'a str, Range<usize>>,
    bytes: &'a SharedBytes,
    /// How many bytes may still be copied.
    budget: usize,
}

/// A tensor's values, found.
struct Found {
    layout: Layout,
    dtype: Dtype,
    /// The bytes of its storage.
    storage: Range<usize>,
}

impl<'a> Assembly<'a> {
    pub(super) fn new(
        pickled: &'a Pickled<'a>,
        storages: &'a BTreeMap<&'a str, Range<usize>>,
        bytes: &'a SharedBytes,
    ) -> Self {
        let budget = (**bytes).as_ref().len().saturating_mul(COPIES);
        Self { pickled, storages, bytes, budget }
    }

    /// All tensors of the state dict, which may be one level down as trainers save it. What is no tensor is left
    /// out.
    pub(super) fn run(mut self, path: &Path) -> Result<NamedTensors, PickleError> {
        self.check_storages()?;
        let root = self.pickled.root;
        let wrapped = self.pickled.entry(root, "state_dict").and_then(|inner| self.pickled.dict(inner));
        let pairs = wrapped.or_else(|| self.pickled.dict(root)).ok_or(PickleError::NoStateDict)?;
        let mut tensors = NamedTensors::default();
        for &(name, value) in pairs {
            let (Value::Text(name), Some(Object::Tensor(view))) = (name, self.pickled.object(value)) else {
                continue;
            };
            let wrong = |reason| {
                let shown: String = name.chars().take(LONGEST_NAME).flat_map(char::escape_debug).collect();
                PickleError::Tensor { tensor: shown, reason }
            };
            if name.len() > LONGEST_NAME {
                return Err(wrong("has a name that is too long"));
            }
            let found = self.find(view).map_err(wrong)?;
            if stored_type(found.dtype).is_none() {
                tensors.others.insert(name.to_owned(), (path.to_owned(), found.dtype));
                continue;
            }
            let tensor = self.tensor(found).map_err(wrong)?;
            tensors.by_name.insert(name.to_owned(), tensor);
        }
        Ok(tensors)
    }

    /// Every storage is there, as long as the pickle says.
    fn check_storages(&self) -> Result<(), PickleError> {
        for storage in self.pickled.storages() {
            let expected = storage.bytes().unwrap_or(u64::MAX);
            let got = self.storages.get(storage.key).map_or(0, |range| range.len() as u64);
            if got != expected {
                return Err(PickleError::StorageLength { key: storage.key.to_owned(), expected, got });
            }
        }
        Ok(())
    }

    /// Where a tensor's values lie, proven to be inside of its storage.
    fn find(&self, view: &TensorRef<'a>) -> Result<Found, Reason> {
        let Some(Object::Storage(storage)) = self.pickled.object(view.storage) else {
            return Err("has no storage");
        };
        let StorageRef { key, dtype, .. } = *storage;
        let dtype = view.dtype.unwrap_or(dtype);
        let storage = self.storages.get(key).cloned().ok_or("has no storage")?;
        let layout = Layout {
            shape: self.sizes(view.size)?,
            strides: self.sizes(view.stride)?,
            offset: size(view.offset)?,
        };
        if layout.shape.len() != layout.strides.len() {
            return Err("has not as many strides as dimensions");
        }
        let count = storage.len() as u64 / element_bytes(dtype).max(1);
        let inside = layout.end().is_some_and(|end| end as u64 <= count);
        if inside { Ok(Found { layout, dtype, storage }) } else { Err("reaches outside of its storage") }
    }

    fn sizes(&self, tuple: Value<'a>) -> Result<Vec<usize>, Reason> {
        match self.pickled.object(tuple) {
            Some(Object::Tuple(sizes)) if sizes.len() > DIMENSIONS => Err("has too many dimensions"),
            Some(Object::Tuple(sizes)) => sizes.iter().map(|&value| size(value)).collect(),
            _ => Err("has a shape that is not a tuple"),
        }
    }

    /// The values where they are, if they lie row-major there, or a copy that does.
    fn tensor(&mut self, found: Found) -> Result<Tensor, Reason> {
        const UNFIT: Reason = "does not fit its storage";
        let stored = stored_type(found.dtype).ok_or(UNFIT)?;
        let length = found.layout.elements().and_then(|count| count.checked_mul(stored.size()));
        let length = length.ok_or("is larger than any memory")?;
        if found.layout.is_row_major() {
            let start = found.storage.start + found.layout.offset * stored.size();
            let range = start..start.checked_add(length).ok_or(UNFIT)?;
            return Tensor::new(stored, found.layout.shape, Arc::clone(self.bytes), range).map_err(|_| UNFIT);
        }
        self.budget = self.budget.checked_sub(length).ok_or("repeats values of a storage too often")?;
        let file = (**self.bytes).as_ref();
        let values = found.layout.copy(file.get(found.storage).unwrap_or_default(), stored.size());
        Tensor::new(stored, found.layout.shape, Arc::new(values), 0..length).map_err(|_| UNFIT)
    }
}

fn size(value: Value<'_>) -> Result<usize, Reason> {
    let Value::Int(number) = value else { return Err("has a size, stride or offset that is not a number") };
    usize::try_from(number).map_err(|_| "has a negative size, stride or offset")
}
