//! Why kernels could not be compiled.

use std::path::PathBuf;

use mbed_core::Hint;

use super::Version;
use crate::kernels::Architecture;

/// Why kernels could not be compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NvrtcError {
    /// The library is not there.
    #[error("NVRTC, which compiles kernels, was not found")]
    Missing,
    /// A folder was named in which the library is not, or it cannot be loaded from there.
    #[error("cannot load NVRTC from `{}`", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The library compiles for later cards only.
    #[error("NVRTC {version} compiles for `{lowest}` and later, not for `{architecture}`")]
    ArchitectureTooOld {
        /// What was asked for.
        architecture: Architecture,
        /// The library.
        version: Version,
        /// The first that it knows.
        lowest: Architecture,
    },
    /// The compiler refused a kernel, or warned of one that must be free of warnings.
    #[error("kernel `{unit}` does not compile for `{architecture}`:\n{log}")]
    Refused {
        /// The kernel's unit.
        unit: String,
        /// What it was compiled for.
        architecture: Architecture,
        /// What the compiler said.
        log: String,
    },
    /// A call of the library failed for another reason.
    #[error("NVRTC's `{call}` failed for kernel `{unit}`: {code}")]
    Call {
        /// The call.
        call: &'static str,
        /// The kernel's unit, or nothing.
        unit: String,
        /// What it answered.
        code: String,
    },
}

impl Hint for NvrtcError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing | Self::Folder { .. } => Some(
                "NVRTC comes with the CUDA toolkit, and as the Python package `nvidia-cuda-nvrtc`: name the folder \
                 of its libraries in the settings"
                    .to_owned(),
            ),
            Self::ArchitectureTooOld { .. } => Some("NVRTC of CUDA 12 compiles for older cards".to_owned()),
            _ => None,
        }
    }
}
