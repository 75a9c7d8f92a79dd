//! Why records could not be read or written, split by what a caller can do about it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use arrow_schema::ArrowError;
use mbed_core::Bytes;
use mbed_text::TextError;

use crate::place::Place;
use crate::{InputFormat, OutputFormat, VectorType};

/// What a library below said.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// Why records could not be read or written, split by what a caller can do about it.
///
/// Paths of inputs are shown as they were given; standard input is named so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// Nothing was named to read.
    #[error("no input was named")]
    NoInput,
    /// Standard input can be read only once.
    #[error("standard input was named twice")]
    StdinTwice,
    /// The extension of a named file means nothing.
    #[error("the format of `{}` is unknown", path.display())]
    UnknownInputFormat {
        /// The file.
        path: PathBuf,
    },
    /// An address that means nothing here.
    #[error("`{url}` is not an address that can be read or written")]
    UnknownAddress {
        /// The address.
        url: String,
    },
    /// A choice was made by a name that means nothing.
    #[error("unknown {choice} `{name}`")]
    UnknownName {
        /// What there was to choose.
        choice: &'static str,
        /// The name as it was given.
        name: String,
        /// The names that mean something.
        known: Vec<&'static str>,
    },
    /// A folder holds nothing that can be read.
    #[error("folder `{}` has no file of a known format, {skipped} skipped", folder.display())]
    NothingInFolder {
        /// The folder.
        folder: PathBuf,
        /// How many files and hidden folders were passed over in it.
        skipped: u64,
    },
    /// Formats that do not become one table.
    #[error("`{first}` is {first_format} and `{second}` is {second_format}, which do not mix")]
    MixedFormats {
        /// A file.
        first: String,
        /// Its format.
        first_format: InputFormat,
        /// A file of a format that does not go with the first.
        second: String,
        /// Its format.
        second_format: InputFormat,
    },
    /// A path with `*`, `?` or `[` in it that is no pattern.
    #[error("`{pattern}` is not a pattern of paths")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// What the library said.
        source: Cause,
    },
    /// No file matches a pattern.
    #[error("no file matches `{pattern}`")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// An input is missing, or reading it failed.
    #[error("cannot read `{path}`")]
    Read {
        /// The input.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes that are not UTF-8.
    #[error("`{path}` is not UTF-8 at byte {offset}")]
    InvalidUtf8 {
        /// The input.
        path: String,
        /// The first bad byte, counted from 0 in the file.
        offset: u64,
    },
    /// One record is larger than this crate takes.
    #[error("the text at `{place}` is longer than {limit}")]
    TextTooLong {
        /// The record.
        place: Place,
        /// The most that one record may have.
        limit: Bytes,
    },
    /// A line of a JSONL input is not a JSON object.
    #[error("`{place}` is not a JSON object: {reason} at column {column}")]
    BadJson {
        /// The line.
        place: Place,
        /// What is wrong, in the parser's words.
        reason: String,
        /// Where in the line, from 1.
        column: usize,
    },
    /// The text of a JSONL record is not there, or not a string.
    #[error("the text column `{column}` is {got} at `{place}`, it must be a string")]
    TextNotString {
        /// The line.
        place: Place,
        /// The text column.
        column: String,
        /// What is there instead.
        got: &'static str,
        /// The keys that there are.
        keys: Vec<String>,
    },
    /// A JSONL value does not fit the type that its column got from the records before it.
    #[error("key `{key}` is {got} at `{place}`, {expected} before")]
    UnexpectedValue {
        /// The line.
        place: Place,
        /// The key.
        key: String,
        /// What its column holds.
        expected: &'static str,
        /// What is there instead.
        got: &'static str,
    },
    /// More columns than a table can sensibly have.
    #[error("`{place}` brings the number of keys over {limit}")]
    TooManyKeys {
        /// The line.
        place: Place,
        /// The most distinct keys there may be.
        limit: usize,
    },
    /// A CSV row has more or fewer fields than the header.
    #[error("`{place}` has {got} fields, the header has {expected}")]
    RaggedRow {
        /// The row.
        place: Place,
        /// Fields of the header.
        expected: u64,
        /// Fields of the row.
        got: u64,
    },
    /// A field of a CSV row is not UTF-8.
    #[error("column `{column}` is not UTF-8 at `{place}`")]
    FieldNotUtf8 {
        /// The row.
        place: Place,
        /// The column.
        column: String,
    },
    /// A CSV file without a header row.
    #[error("`{path}` has no header row")]
    NoHeader {
        /// The file.
        path: String,
    },
    /// Two columns of one name.
    #[error("column `{column}` appears twice in `{path}`")]
    DuplicateColumn {
        /// The file.
        path: String,
        /// The name.
        column: String,
    },
    /// A Parquet or Arrow file that its library cannot read.
    #[error("`{path}` cannot be read as {format}")]
    Corrupt {
        /// The file.
        path: String,
        /// What it was read as.
        format: InputFormat,
        /// What the library said.
        source: Cause,
    },
    /// Files that do not have the same columns.
    #[error("`{second}` does not have the columns of `{first}`: {difference}")]
    DifferentColumns {
        /// A file.
        first: String,
        /// A file with other columns.
        second: String,
        /// The first difference.
        difference: String,
    },
    /// A column that was asked for is not there.
    #[error("there is no column `{column}`")]
    NoSuchColumn {
        /// The column.
        column: String,
        /// The columns that there are.
        columns: Vec<String>,
    },
    /// It is not clear which column holds the texts.
    #[error("it is not clear which column holds the texts")]
    NoTextColumn {
        /// The columns that there are.
        columns: Vec<String>,
    },
    /// The column that was chosen for the texts holds something else.
    #[error("column `{column}` holds {got}, not text")]
    NotText {
        /// The column.
        column: String,
        /// Its type.
        got: String,
    },
    /// A text or an id is null.
    #[error("column `{column}` is null at `{place}`")]
    NullValue {
        /// The record.
        place: Place,
        /// The column.
        column: String,
    },
    /// The records of a window do not make a table; a file changed while it was read.
    #[error("the records of `{path}` do not fit together")]
    Assemble {
        /// The file that was read last.
        path: String,
        /// What the library said.
        source: ArrowError,
    },
    /// A text could not be cut into chunks.
    #[error("the texts from `{place}` on could not be cut into chunks")]
    Chunk {
        /// The first record of its window.
        place: Place,
        /// Why.
        source: TextError,
    },
    /// A format that cannot hold vectors of this type.
    #[error("{format} cannot hold vectors as {vectors}")]
    VectorType {
        /// The output format.
        format: OutputFormat,
        /// How vectors were to be written.
        vectors: VectorType,
    },
    /// The extension of the output path means nothing.
    #[error("the format to write `{}` in is unknown", path.display())]
    UnknownOutputFormat {
        /// The path.
        path: PathBuf,
    },
    /// The output would take the place of an input.
    #[error("`{}` is both an input and the output", path.display())]
    OutputIsInput {
        /// The path.
        path: PathBuf,
    },
    /// The output path is a folder.
    #[error("the output `{}` is a folder", path.display())]
    OutputIsFolder {
        /// The path.
        path: PathBuf,
    },
    /// No file can be made in the folder of the output.
    #[error("cannot write in folder `{}`", folder.display())]
    OutputFolder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The column for the vectors has the name of an input column.
    #[error("the input already has a column `{column}`")]
    ColumnTaken {
        /// The name.
        column: String,
    },
    /// A length of vectors that no format can hold.
    #[error("vectors of {got} values cannot be written")]
    Dimensions {
        /// The length.
        got: usize,
    },
    /// A column that the output format cannot hold.
    #[error("the columns cannot be written as {format}")]
    UnsupportedColumns {
        /// The output format.
        format: OutputFormat,
        /// What the library said.
        source: Cause,
    },
    /// Vectors that do not belong to the window they were given with.
    #[error(
        "got {rows} vectors of {dimensions} values for {expected_rows} records and {expected_dimensions}"
    )]
    Shape {
        /// Vectors.
        rows: usize,
        /// Their length.
        dimensions: usize,
        /// Records of the window.
        expected_rows: usize,
        /// The length that the writer was made for.
        expected_dimensions: usize,
    },
    /// A vector holds a value that JSON cannot write.
    #[error("value {index} of the vector of {name} is `{value}`")]
    NotFinite {
        /// The record, as [`Window::name`](crate::Window::name) names it.
        name: String,
        /// Which value of the vector, from 0.
        index: usize,
        /// The value.
        value: f32,
    },
    /// Whoever read the output has stopped reading.
    #[error("`{target}` was closed by its reader")]
    ClosedPipe {
        /// The output.
        target: String,
        /// What the system said.
        source: Cause,
    },
    /// The disk, or what one may use of it, is full.
    #[error("no space is left to write `{target}`")]
    DiskFull {
        /// The output.
        target: String,
        /// What the system said.
        source: Cause,
    },
    /// Writing failed otherwise.
    #[error("cannot write `{target}`")]
    Write {
        /// The output.
        target: String,
        /// What the system or the library said.
        source: Cause,
    },
    /// An earlier write failed, so that the output can no longer become whole.
    #[error("`{target}` was given up after an earlier error")]
    GivenUp {
        /// The output.
        target: String,
    },
}

impl PipelineError {
    /// Whether the reader of the output has gone away, which many commands end quietly on.
    #[must_use]
    pub const fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::ClosedPipe { .. })
    }

    /// Reading the input called `file` failed.
    pub(crate) fn read(file: &str, source: io::Error) -> Self {
        Self::Read { path: crate::place::label(file).to_owned(), source }
    }

    /// The library for `format` cannot read the input called `file`.
    pub(crate) fn corrupt(file: &str, format: InputFormat, source: impl Into<Cause>) -> Self {
        Self::Corrupt { path: crate::place::label(file).to_owned(), format, source: source.into() }
    }

    /// Writing to `target` failed. What the system said is looked for behind whatever a library made of it.
    pub(crate) fn write(target: &str, source: impl Into<Cause>) -> Self {
        let (target, source) = (target.to_owned(), source.into());
        match io_kind(source.as_ref()) {
            Some(io::ErrorKind::BrokenPipe) => Self::ClosedPipe { target, source },
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                Self::DiskFull { target, source }
            }
            _ => Self::Write { target, source },
        }
    }
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref::<io::Error>())
        .map(io::Error::kind)
}
