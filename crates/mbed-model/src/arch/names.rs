//! Where a tensor lies in a model's files.

use std::ops::Range;

use mbed_core::spec::{AttentionSpec, LayerTensor, Part};

/// A tensor in a model's files, or some of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its name without what may stand before every name.
    pub(super) name: String,
    /// Its rows, where several tensors of ours are stacked in one of the file's.
    pub(super) rows: Option<Range<usize>>,
}

impl Place {
    /// Some rows of a tensor.
    pub(super) fn rows(name: String, rows: Range<usize>) -> Self {
        Self { name, rows: Some(rows) }
    }
}

impl From<String> for Place {
    fn from(name: String) -> Self {
        Self { name, rows: None }
    }
}

impl From<&str> for Place {
    fn from(name: &str) -> Self {
        name.to_owned().into()
    }
}

/// One name as the only place.
pub(super) fn at(name: impl Into<Place>) -> Vec<Place> {
    vec![name.into()]
}

/// A norm's tensor. Checkpoints converted from TensorFlow call the two `gamma` and `beta`.
pub(super) fn norm(name: &str, part: Part) -> Vec<Place> {
    let old = match part {
        Part::Weight => "gamma",
        Part::Bias => "beta",
    };
    vec![format!("{name}.{part}").into(), format!("{name}.{old}").into()]
}

/// Queries, keys or values where one tensor holds all three, in this order.
pub(super) fn of_qkv(name: String, tensor: LayerTensor, attention: &AttentionSpec) -> Vec<Place> {
    let (queries, shared) = (attention.width(), attention.key_value_width());
    let rows = match tensor {
        LayerTensor::Query => 0..queries,
        LayerTensor::Key => queries..queries + shared,
        _ => queries + shared..queries + 2 * shared,
    };
    at(Place::rows(name, rows))
}

/// Which half of a tensor that holds `gate` and `up`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// Its first rows.
    First,
    /// Its last rows.
    Second,
}

/// One half of a tensor of `2 · length` rows.
pub(super) fn half(name: String, half: Half, length: usize) -> Vec<Place> {
    at(Place::rows(
        name,
        match half {
            Half::First => 0..length,
            Half::Second => length..2 * length,
        },
    ))
}
