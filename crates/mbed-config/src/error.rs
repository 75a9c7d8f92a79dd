//! Why a setting could not be had.

use std::io;
use std::path::PathBuf;

use mbed_core::Hint;

/// Why a setting could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file with the hub's token is there and cannot be read: mend it, or set the token otherwise.
    #[error("cannot read the hub's token from `{path}`")]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Hint for ConfigError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::TokenFile { .. } => {
                Some("make the file readable, or put the token into the variable `HF_TOKEN`".to_owned())
            }
        }
    }
}
