//! How failures inside the backend become errors of the seam.

use mbed_core::{BackendError, Bytes, DeviceId};
use mbed_kernels::gemm::ShapeMismatch;

/// The one device of this backend.
pub(crate) const DEVICE: DeviceId = DeviceId::new("cpu", 0);

/// Makes room for `more` values, and says so where there is no memory for them instead of ending the process.
pub(crate) fn reserve(buffer: &mut Vec<f32>, more: usize) -> Result<(), BackendError> {
    buffer.try_reserve_exact(more).map_err(|_refused| no_memory(more.saturating_mul(size_of::<f32>())))
}

/// There is no memory for so many bytes.
pub(crate) fn no_memory(bytes: usize) -> BackendError {
    BackendError::OutOfMemory { device: DEVICE, requested: Bytes::from(bytes), free: None }
}

/// So many zeros, where there is memory for them.
pub(crate) fn zeros(count: usize) -> Result<Vec<f32>, BackendError> {
    let mut values = Vec::new();
    reserve(&mut values, count)?;
    values.resize(count, 0.0);
    Ok(values)
}

pub(crate) fn shape(source: ShapeMismatch) -> BackendError {
    BackendError::Failed { device: DEVICE, source: Box::new(source) }
}
