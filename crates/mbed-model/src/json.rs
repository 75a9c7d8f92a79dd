//! JSON files of a model folder, with errors that name them.

use std::fs;
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::ModelError;

/// Reads a file that must be there.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    read_optional(path)?.ok_or_else(|| ModelError::Missing { path: path.to_owned() })
}

/// Reads a file that may be absent.
pub(crate) fn read_optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ModelError> {
    let Some(bytes) = bytes_optional(path)? else { return Ok(None) };
    let parsed = serde_json::from_slice(&bytes);
    parsed.map(Some).map_err(|source| ModelError::Json { path: path.to_owned(), source })
}

/// The content of a file that may be absent.
pub(crate) fn bytes_optional(path: &Path) -> Result<Option<Vec<u8>>, ModelError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ModelError::Read { path: path.to_owned(), source }),
    }
}
