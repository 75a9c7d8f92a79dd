//! How failures inside the backend become errors of the seam.

use mbed_core::{BackendError, DeviceId};
use mbed_kernels::gemm::ShapeMismatch;

/// The one device of this backend.
pub(crate) const DEVICE: DeviceId = DeviceId::new("cpu", 0);

pub(crate) fn shape(source: ShapeMismatch) -> BackendError {
    BackendError::Failed { device: DEVICE, source: Box::new(source) }
}
