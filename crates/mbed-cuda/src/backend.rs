//! What the seam asks for.

use mbed_core::{Backend, BackendError, OpenRequest, Probe, Session};

/// The backend on CUDA devices.
#[derive(Clone, Copy, Debug, Default)]
pub struct CudaBackend;

impl Backend for CudaBackend {
    fn name(&self) -> &'static str {
        "cuda"
    }

    fn probe(&self) -> Probe {
        Probe::Absent("no CUDA driver".to_owned())
    }

    fn open(&self, request: OpenRequest) -> Result<Box<dyn Session>, BackendError> {
        let (backend, index) = (self.name(), request.device.unwrap_or(0));
        Err(BackendError::NoSuchDevice { backend, index, reason: "no CUDA driver".to_owned() })
    }
}
