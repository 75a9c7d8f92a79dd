//! What the driver says.

use cudarc::cublaslt::result::CublasError;
use cudarc::driver::result::DriverError as Said;
use cudarc::driver::sys::CUresult;

use crate::driver::DriverError;

/// Errors behind which every call of the context fails alike (CUDA driver API, `CUresult`: those whose description says
/// that the process must be terminated and relaunched), and those of a device that has gone.
const STICKY: [CUresult; 17] = [
    CUresult::CUDA_ERROR_DEINITIALIZED,
    CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE,
    CUresult::CUDA_ERROR_ECC_UNCORRECTABLE,
    CUresult::CUDA_ERROR_NVLINK_UNCORRECTABLE,
    CUresult::CUDA_ERROR_ILLEGAL_ADDRESS,
    CUresult::CUDA_ERROR_LAUNCH_TIMEOUT,
    CUresult::CUDA_ERROR_CONTEXT_IS_DESTROYED,
    CUresult::CUDA_ERROR_ASSERT,
    CUresult::CUDA_ERROR_HARDWARE_STACK_ERROR,
    CUresult::CUDA_ERROR_ILLEGAL_INSTRUCTION,
    CUresult::CUDA_ERROR_MISALIGNED_ADDRESS,
    CUresult::CUDA_ERROR_INVALID_ADDRESS_SPACE,
    CUresult::CUDA_ERROR_INVALID_PC,
    CUresult::CUDA_ERROR_LAUNCH_FAILED,
    CUresult::CUDA_ERROR_EXTERNAL_DEVICE,
    CUresult::CUDA_ERROR_INVALID_CONTEXT,
    CUresult::CUDA_ERROR_UNKNOWN,
];

/// The error of a call that `requested` so much memory, 0 where it asks for none.
pub(super) fn driver(call: &'static str, requested: u64, said: Said) -> DriverError {
    let reason = format!("{:?}", said.0);
    if said.0 == CUresult::CUDA_ERROR_OUT_OF_MEMORY {
        DriverError::OutOfMemory { requested }
    } else if STICKY.contains(&said.0) {
        DriverError::Lost { call, reason }
    } else {
        DriverError::Failed { call, reason }
    }
}

/// The error of a call of cublasLt.
pub(super) fn lt(call: &'static str, said: CublasError) -> DriverError {
    DriverError::Failed { call, reason: format!("{:?}", said.0) }
}

/// A handle that is not, or no longer, one of the device.
pub(super) fn unknown(call: &'static str) -> DriverError {
    DriverError::Failed { call, reason: "the handle is not one of this device".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_differ_by_what_can_be_done() {
        let check = |said, expected| assert_eq!(driver("f", 7, Said(said)), expected);
        check(CUresult::CUDA_ERROR_OUT_OF_MEMORY, DriverError::OutOfMemory { requested: 7 });
        let reason = "CUDA_ERROR_ILLEGAL_ADDRESS".to_owned();
        check(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS, DriverError::Lost { call: "f", reason });
        let reason = "CUDA_ERROR_INVALID_VALUE".to_owned();
        check(CUresult::CUDA_ERROR_INVALID_VALUE, DriverError::Failed { call: "f", reason });
    }
}
