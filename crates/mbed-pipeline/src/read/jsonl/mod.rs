//! JSON objects as records, one a line.
//!
//! Files are read twice: once to find the type of every key, then for their values. What cannot be read twice gets
//! its types from the records of the first window.

mod column;
mod kind;
mod object;
mod records;

pub(super) use records::JsonRecords;
