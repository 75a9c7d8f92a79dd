//! Where a record came from, for messages.

use std::fmt;
use std::sync::Arc;

/// The name that stands for standard input among paths.
pub(crate) const STDIN: &str = "-";

/// Where a record came from: a file and a position in it.
///
/// Written `notes.txt:17` for a line, `data.parquet row 17` for a row, and as the file alone where the record is
/// all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    file: Arc<str>,
    position: Position,
}

/// Where in its file a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// It is the whole file.
    Whole,
    /// The line it begins on, from 1.
    Line(u64),
    /// The row, from 1.
    Row(u64),
}

impl Place {
    /// A position in a file.
    #[must_use]
    pub const fn new(file: Arc<str>, position: Position) -> Self {
        Self { file, position }
    }

    /// The path as it was given, `-` for standard input.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where in the file.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = label(&self.file);
        match self.position {
            Position::Whole => f.write_str(file),
            Position::Line(line) => write!(f, "{file}:{line}"),
            Position::Row(row) => write!(f, "{file} row {row}"),
        }
    }
}

/// A path as a person should read it.
pub(crate) fn label(file: &str) -> &str {
    if file == STDIN { "standard input" } else { file }
}

#[cfg(test)]
mod tests {
    use super::{Place, Position};

    #[test]
    fn a_place_is_written_as_an_editor_takes_it() {
        let check = |file: &str, position, shown: &str| {
            assert_eq!(Place::new(file.into(), position).to_string(), shown);
        };
        check("notes.txt", Position::Line(17), "notes.txt:17");
        check("data.parquet", Position::Row(1), "data.parquet row 1");
        check("README.md", Position::Whole, "README.md");
        check("-", Position::Line(2), "standard input:2");
    }
}
