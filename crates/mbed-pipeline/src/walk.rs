//! What there is to read in a folder.

use std::fs::DirEntry;
use std::io;
use std::path::Path;

use crate::plan::InputFile;
use crate::{InputFormat, PipelineError};

/// What was found in a folder.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Files to read, in the order of their names, folder by folder.
    pub(crate) files: Vec<InputFile>,
    /// Files and hidden folders that were passed over.
    pub(crate) skipped: u64,
}

/// Searches `folder` and all folders in it for files of `wanted`, or of any known format.
///
/// Links to files are followed, links to folders are not: they can make a circle.
///
/// # Errors
/// A folder cannot be listed.
pub(crate) fn walk(folder: &Path, wanted: Option<InputFormat>) -> Result<Found, PipelineError> {
    let mut found = Found::default();
    visit(folder, wanted, &mut found)?;
    Ok(found)
}

fn visit(folder: &Path, wanted: Option<InputFormat>, found: &mut Found) -> Result<(), PipelineError> {
    let failed = |source| PipelineError::read(&folder.to_string_lossy(), source);
    let mut entries = folder.read_dir().and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(failed)?;
    entries.sort_by_key(DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && entry.file_type().map_err(failed)?.is_dir() {
            visit(&path, wanted, found)?;
            continue;
        }
        let format = InputFormat::from_path(&path).filter(|&format| wanted.is_none_or(|it| it == format));
        match format {
            Some(format) if !hidden && path.is_file() => found.files.push(InputFile::new(path, format)),
            _ => found.skipped += 1,
        }
    }
    Ok(())
}
