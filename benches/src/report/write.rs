//! The files of a report.

use std::fs;
use std::path::Path;

use super::{markdown, page};
use crate::BenchError;
use crate::rows::Row;

/// Writes `index.html` and `report.md` into a folder.
///
/// # Errors
/// A chart cannot be drawn, or a file cannot be written.
pub fn write(folder: &Path, rows: &[Row]) -> Result<(), BenchError> {
    let failed = |source| BenchError::Write { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    fs::write(folder.join("index.html"), page(rows)?).map_err(failed)?;
    fs::write(folder.join("report.md"), markdown(rows)).map_err(failed)
}
