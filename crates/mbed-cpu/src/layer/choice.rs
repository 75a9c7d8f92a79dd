//! A layer in the precision of its session.

use mbed_core::spec::{EncoderSpec, LayerTensor, Presence, TensorName};
use mbed_core::{BackendError, Precision, Weights};
use mbed_kernels::Isa;

use super::factors::{OfBytes, OfWords};
use super::{shared, single, tiled};
use crate::load::{self, Stacked};
use crate::parts::PartOfBatch;
use crate::scratch::Scratch;

/// One encoder layer: attention, then feed-forward, each with a residual sum and its norms.
#[derive(Debug)]
pub(crate) struct Layer {
    shared: shared::Shared,
    maps: Maps,
}

/// A layer's linear maps in the precision of the session.
#[derive(Debug)]
enum Maps {
    Single(Box<single::Maps>),
    Bf16(Box<tiled::Maps<OfWords>>),
    Int8(Box<tiled::Maps<OfBytes>>),
}

impl Layer {
    /// Lays out layer `index`, whose rotation is number `rotation` of the scratch.
    pub(crate) fn new(
        (spec, weights): (&EncoderSpec, &Weights),
        index: usize,
        rotation: Option<usize>,
        (isa, precision): (Isa, Precision),
    ) -> Result<Self, BackendError> {
        let source = Source { spec, weights, index };
        let maps = match precision {
            Precision::Bf16 => Maps::Bf16(Box::new(tiled::Maps::new(source, isa)?)),
            Precision::Int8 => Maps::Int8(Box::new(tiled::Maps::new(source, isa)?)),
            _ => Maps::Single(Box::new(single::Maps::new(source, isa)?)),
        };
        Ok(Self { shared: shared::Shared::new(source, rotation)?, maps })
    }

    /// Replaces `scratch.hidden` by the layer's output.
    pub(crate) fn run(&self, part: &PartOfBatch, scratch: &mut Scratch) -> Result<(), BackendError> {
        match &self.maps {
            Maps::Single(maps) => maps.run(&self.shared, part, scratch),
            Maps::Bf16(maps) => maps.run(&self.shared, part, scratch),
            Maps::Int8(maps) => maps.run(&self.shared, part, scratch),
        }
    }

    /// How many bytes the linear maps hold.
    pub(crate) fn bytes(&self) -> usize {
        match &self.maps {
            Maps::Single(maps) => maps.bytes(),
            Maps::Bf16(maps) => maps.bytes(),
            Maps::Int8(maps) => maps.bytes(),
        }
    }
}

/// Where a layer's tensors come from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) spec: &'a EncoderSpec,
    pub(super) weights: &'a Weights,
    pub(super) index: usize,
}

impl Source<'_> {
    /// Linear maps of the same input, one below the other.
    fn stacked(self, tensors: &[LayerTensor], input: usize) -> Result<Stacked, BackendError> {
        let names: Vec<_> =
            tensors.iter().map(|&tensor| move |part| TensorName::Layer(self.index, tensor, part)).collect();
        Ok(load::stacked(self.weights, &names, input)?)
    }

    pub(super) fn query_key_value(self) -> Result<Stacked, BackendError> {
        let tensors = [LayerTensor::Query, LayerTensor::Key, LayerTensor::Value];
        self.stacked(&tensors, self.spec.hidden)
    }

    pub(super) fn output(self) -> Result<Stacked, BackendError> {
        self.stacked(&[LayerTensor::AttentionOutput], self.spec.attention.width())
    }

    pub(super) fn gate(self) -> Result<Option<Stacked>, BackendError> {
        match self.spec.feed_forward.gate {
            Presence::Present => self.stacked(&[LayerTensor::Gate], self.spec.hidden).map(Some),
            Presence::Absent => Ok(None),
        }
    }

    pub(super) fn up(self) -> Result<Stacked, BackendError> {
        self.stacked(&[LayerTensor::Up], self.spec.hidden)
    }

    pub(super) fn down(self) -> Result<Stacked, BackendError> {
        self.stacked(&[LayerTensor::Down], self.spec.feed_forward.intermediate)
    }
}
