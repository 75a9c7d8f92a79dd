//! Where results go.

use mbed_bench::rows::{self, Row};
use mbed_bench::{BenchError, picture, report};

use super::args::OutputOptions;
use super::printer;

/// Shows results, and writes rows and a page.
pub(crate) fn keep(options: &OutputOptions, found: &[Row]) -> Result<(), BenchError> {
    // Rows first: they are what cannot be made again.
    rows::write(&options.output.join("rows.jsonl"), found)?;
    if let Some(file) = &options.rows {
        rows::append(file, found)?;
    }
    report::write(&options.output, found)?;
    printer::data(&picture(found));
    printer::note(&format!("page: {}", options.output.join("index.html").display()));
    Ok(())
}
