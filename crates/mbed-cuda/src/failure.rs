//! From what the driver says to the errors of the seam.

use mbed_core::{BackendError, Bytes, DeviceId};

use crate::driver::DriverError;
use crate::kernels::LaunchError;

/// The name of the backend.
pub(crate) const NAME: &str = "cuda";

/// Makes errors of one device.
#[derive(Clone, Debug)]
pub(crate) struct Failures {
    device: DeviceId,
}

impl Failures {
    pub(crate) const fn new(device: DeviceId) -> Self {
        Self { device }
    }

    pub(crate) const fn device(&self) -> &DeviceId {
        &self.device
    }

    /// The error of the seam for one of the driver.
    pub(crate) fn backend(&self, error: DriverError) -> BackendError {
        let device = self.device.clone();
        match error {
            DriverError::OutOfMemory { requested } => self.out_of_memory(requested, None),
            DriverError::Lost { .. } => BackendError::DeviceLost { device, source: Box::new(error) },
            _ => BackendError::Failed { device, source: Box::new(error) },
        }
    }

    pub(crate) fn out_of_memory(&self, requested: u64, free: Option<Bytes>) -> BackendError {
        BackendError::OutOfMemory { device: self.device.clone(), requested: Bytes::new(requested), free }
    }

    /// The error of the seam for parameters that a kernel cannot have.
    pub(crate) fn launch(&self, error: LaunchError) -> BackendError {
        BackendError::Failed { device: self.device.clone(), source: Box::new(error) }
    }
}

pub(crate) fn unsupported(reason: impl Into<String>) -> BackendError {
    BackendError::UnsupportedModel { backend: NAME, reason: reason.into() }
}
