//! Why something cannot be watched.

use mbed_core::Hint;
use nvml_wrapper::error::NvmlError;

/// Why something cannot be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// There is no management library, as on every machine without a driver for NVIDIA's cards.
    #[error("NVIDIA's management library is not here")]
    NoLibrary {
        /// What the loader said.
        source: NvmlError,
    },
    /// The library is there and does not work.
    #[error("NVIDIA's management library does not work")]
    BrokenLibrary {
        /// What it said.
        source: NvmlError,
    },
    /// The library is there and tells what cannot be.
    #[error("NVIDIA's management library does not work: it tells of {count} cards")]
    TooManyCards {
        /// What it tells.
        count: u32,
    },
    /// The thread that takes samples could not be started.
    #[error("cannot start a thread that takes samples")]
    Thread {
        /// Why not.
        source: std::io::Error,
    },
}

impl Hint for MonitorError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::BrokenLibrary { .. } | Self::TooManyCards { .. } => Some(
                "driver and library are often of different versions after an update: `nvidia-smi` tells, a restart \
                 mends it"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
