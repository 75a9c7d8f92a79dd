//! Inputs that are compressed as a whole.

use std::io::{self, BufReader, Read};
use std::path::Path;

/// How a file is compressed, as its last extension says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all.
    None,
    /// gzip, one member or several.
    Gzip,
    /// Zstandard, one frame or several.
    Zstd,
}

impl Compression {
    /// What the extension of `path` says, and the path without that extension.
    pub(crate) fn of(path: &Path) -> (Self, &Path) {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let found = match extension.to_ascii_lowercase().as_str() {
            "gz" => Self::Gzip,
            "zst" | "zstd" => Self::Zstd,
            _ => return (Self::None, path),
        };
        // `with_extension` without a copy: the stem is the start of the path.
        let inner = path.file_stem().map_or(path, Path::new);
        (found, inner)
    }

    /// The bytes inside of `file`.
    ///
    /// # Errors
    /// The decoder has no memory.
    pub(crate) fn open(self, file: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::None => file,
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file))),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(file)?),
        })
    }
}
