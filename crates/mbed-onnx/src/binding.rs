//! Buffers that a session reads from and writes to, for one shape.

use mbed_core::BackendError;
use ort::memory::Allocator;
use ort::session::{IoBinding, Session, SessionOutputs};
use ort::value::Tensor;

use crate::errors::failed;
use crate::group::Places;

/// What an input is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Ids,
    Mask,
    TypeIds,
    Positions,
}

/// Buffers for inputs of one shape and for what comes out of them.
pub(crate) struct Binding {
    shape: [usize; 2],
    inputs: Vec<(String, Column, Tensor<i64>)>,
    bound: IoBinding,
}

impl Binding {
    /// Makes buffers for `inputs` of `shape` and for the output called so, of `output` sizes.
    pub(crate) fn new(
        session: &Session,
        (inputs, shape): (&[(String, Column)], [usize; 2]),
        (name, output): (&str, &[usize]),
    ) -> ort::Result<Self> {
        let allocator = Allocator::default();
        let sizes = |sizes: &[usize]| sizes.iter().map(|&size| size as i64).collect::<Vec<_>>();
        let mut bound = session.create_binding()?;
        bound.bind_output(name, Tensor::<f32>::new(&allocator, sizes(output))?)?;
        let inputs = inputs.iter().map(|(name, column)| {
            Ok((name.clone(), *column, Tensor::<i64>::new(&allocator, sizes(&shape))?))
        });
        Ok(Self { shape, inputs: inputs.collect::<ort::Result<_>>()?, bound })
    }

    pub(crate) const fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Runs `places`, which fill the shape, and hands over what came out.
    pub(crate) fn run(
        &mut self,
        session: &mut Session,
        places: &Places,
        take: impl FnOnce(&SessionOutputs<'_>) -> Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        for (name, column, tensor) in &mut self.inputs {
            let values = match column {
                Column::Ids => &places.ids,
                Column::Mask => &places.mask,
                Column::TypeIds => &places.type_ids,
                Column::Positions => &places.positions,
            };
            let (_, buffer) = tensor.extract_tensor_mut();
            let length = buffer.len().min(values.len());
            if let (Some(buffer), Some(values)) = (buffer.get_mut(..length), values.get(..length)) {
                buffer.copy_from_slice(values);
            }
            // Bound again each time: another device copies when a value is bound.
            self.bound.bind_input(name.as_str(), &*tensor).map_err(failed)?;
        }
        let outputs = session.run_binding(&self.bound).map_err(failed)?;
        take(&outputs)
    }
}
