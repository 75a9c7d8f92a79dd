//! Comma-separated values as records: every column a string, exactly as written.

mod file;
mod records;
mod rows;

pub(super) use records::CsvRecords;
