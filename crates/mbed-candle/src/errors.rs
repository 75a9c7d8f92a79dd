//! How failures below become [`BackendError`].

use std::error::Error;

use mbed_core::spec::SizeError;
use mbed_core::{BackendError, DeviceId};

/// The name that settings and flags use.
pub(crate) const NAME: &str = "candle";

/// The only device: the host's processor.
pub(crate) const DEVICE: DeviceId = DeviceId::new(NAME, 0);

/// What loading a part of a model gives.
pub(crate) type OpenResult<T> = Result<T, BackendError>;

/// Something in candle or in the thread pool went wrong.
pub(crate) fn failed(source: impl Error + Send + Sync + 'static) -> BackendError {
    BackendError::Failed { device: DEVICE, source: Box::new(source) }
}

/// This backend cannot run the model, for `reason`.
pub(crate) fn unsupported(reason: impl Into<String>) -> BackendError {
    BackendError::UnsupportedModel { backend: NAME, reason: reason.into() }
}

/// The parts of the model do not fit together.
pub(crate) fn misfit(error: SizeError) -> BackendError {
    error.refused_by(NAME)
}
