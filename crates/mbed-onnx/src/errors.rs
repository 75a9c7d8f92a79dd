//! How failures below become [`BackendError`].

use mbed_core::spec::SizeError;
use mbed_core::{BackendError, Bytes, DeviceId};

/// The name that settings and flags use.
pub(crate) const NAME: &str = "onnx";

/// The only device: the host's processor.
pub(crate) const DEVICE: DeviceId = DeviceId::new(NAME, 0);

/// What loading a part of a model gives.
pub(crate) type OpenResult<T> = Result<T, BackendError>;

/// ONNX Runtime failed.
pub(crate) fn failed<R>(error: ort::Error<R>) -> BackendError {
    let message = error.message();
    match refused_bytes(message) {
        Some(requested) => BackendError::OutOfMemory { device: DEVICE, requested, free: None },
        None => BackendError::Failed { device: DEVICE, source: message.into() },
    }
}

/// This backend cannot run the model, for `reason`.
pub(crate) fn unsupported(reason: impl Into<String>) -> BackendError {
    BackendError::UnsupportedModel { backend: NAME, reason: reason.into() }
}

/// The parts of the model do not fit together.
pub(crate) fn misfit(error: SizeError) -> BackendError {
    error.refused_by(NAME)
}

/// How much was asked for, where memory ran out. ONNX Runtime has no error code for that, only these words
/// (`onnxruntime/core/framework/bfc_arena.cc`); plain `bad allocation` does not tell how much.
fn refused_bytes(message: &str) -> Option<Bytes> {
    if let Some((_, rest)) = message.split_once("Failed to allocate memory for requested buffer of size ") {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        return Some(Bytes::new(digits.parse().unwrap_or_default()));
    }
    message.contains("std::bad_alloc").then(|| Bytes::new(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_runs_out_is_told_apart() {
        let check = |message: &str, expected: Option<u64>| {
            assert_eq!(refused_bytes(message), expected.map(Bytes::new), "{message}");
        };
        check("x Failed to allocate memory for requested buffer of size 123456\n", Some(123_456));
        check("std::bad_alloc", Some(0));
        check("Non-zero status code returned while running Gather node", None);
    }
}
