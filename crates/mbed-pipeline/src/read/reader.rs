//! The reader of all formats.

use std::fmt;
use std::num::NonZeroUsize;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};

use super::columnar::Columnar;
use super::csv::CsvRecords;
use super::jsonl::JsonRecords;
use super::limits::{Limits, MAX_TEXT_BYTES};
use super::text::TextRecords;
use super::{InvalidUtf8, arrow, parquet};
use crate::columns::Columns;
use crate::{InputFormat, InputPlan, PipelineError, Place, Window, Windows};

/// How records are read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The column of the texts; `None` takes `text`, or else the only column of strings.
    pub text_column: Option<String>,
    /// A column that names records in messages; it must have no nulls.
    pub id_column: Option<String>,
    /// What happens to bytes that are not UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// What happens to a record that cannot be embedded.
    pub(crate) bad_records: BadRecords,
    /// What was found out about the same files before.
    pub(crate) known: Option<Known>,
    /// What a record of a text file is.
    pub text_files: TextFiles,
    /// The most records of a window.
    pub window_rows: NonZeroUsize,
    /// A window ends with the record that takes its bytes, all columns counted, to this; at most
    /// [`MAX_TEXT_BYTES`] is used.
    pub window_bytes: NonZeroUsize,
}

/// What happens to a record that cannot be embedded: its bytes are not UTF-8, its line is not JSON, its text is null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BadRecords {
    /// Reading ends with an error.
    #[default]
    Fail,
    /// It is left out and told of.
    Collect,
}

/// What was found out about inputs, so that they need not be looked through again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// How many records there are.
    pub(crate) records: u64,
    /// The keys of JSONL with the kinds of their values.
    pub(crate) keys: Vec<(String, String)>,
}

/// Where in the inputs a record begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bookmark {
    /// The number of the file, from 0.
    pub(crate) file: u64,
    /// Bytes of the file before it.
    pub(crate) offset: u64,
    /// Lines of the file before it.
    pub(crate) line: u64,
}

impl Bookmark {
    pub(super) const fn start_of(file: u64) -> Self {
        Self { file, offset: 0, line: 0 }
    }
}

/// A record that cannot be embedded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Where it is.
    pub place: Place,
    /// Why not.
    pub reason: String,
}

/// Consecutive records, the bad ones told apart.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) window: Window,
    pub(crate) bad: Vec<BadRecord>,
    /// How many records of the input these are, good and bad.
    pub(crate) records: u64,
}

/// What a record of a text file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextFiles {
    /// A line.
    #[default]
    Lines,
    /// All of it.
    Whole,
}

impl Default for ReadOptions {
    /// Windows of 65,536 records or 64 MiB.
    fn default() -> Self {
        Self {
            text_column: None,
            id_column: None,
            invalid_utf8: InvalidUtf8::Error,
            bad_records: BadRecords::Fail,
            known: None,
            text_files: TextFiles::Lines,
            window_rows: NonZeroUsize::MIN.saturating_add(65_535),
            window_bytes: NonZeroUsize::MIN.saturating_add((64 << 20) - 1),
        }
    }
}

/// Reads the records of a plan window by window.
///
/// All inputs that can be read twice are looked through when the reader is opened: to count the records, to find
/// the types of JSON keys, and to find bad records before anything is computed.
pub struct Reader {
    records: Box<dyn Records>,
    columns: Columns,
    limits: Limits,
    read: u64,
}

/// Records of one format.
pub(super) trait Records: Send {
    /// The columns of every batch.
    fn schema(&self) -> &SchemaRef;
    /// How many records there are in all, where it is known.
    fn total_rows(&self) -> Option<u64>;
    /// The next records, at least one, with their places; `None` at the end.
    fn next_records(&mut self, limits: Limits) -> Result<Option<(RecordBatch, Vec<Place>)>, PipelineError>;
    /// How many records were left out so far.
    fn skipped_rows(&self) -> u64 {
        0
    }
    /// Leaves out at most so many of the first records without looking at them, and tells how many.
    fn jump(&mut self, _records: u64) -> u64 {
        0
    }
    /// What need not be found out again about the keys of JSONL.
    fn known_keys(&self) -> Vec<(String, String)> {
        Vec::new()
    }
    /// Where the next record begins, where one can go there at once.
    fn bookmark(&self) -> Option<Bookmark> {
        None
    }
    /// Goes to a place that [`Records::bookmark`] gave. Nothing may have been read before.
    fn seek(&mut self, _to: &Bookmark) -> Result<(), PipelineError> {
        Ok(())
    }
    /// The bad records among those that were read last. They count as rows of [`Limits`].
    fn take_bad(&mut self) -> Vec<BadRecord> {
        Vec::new()
    }
}

impl Reader {
    /// Opens the files of `plan`.
    ///
    /// # Errors
    /// A file cannot be read or is not what it should be, files have different columns, a column that was asked
    /// for does not exist, or it is not clear which one holds the texts.
    pub fn open(plan: &InputPlan, options: &ReadOptions) -> Result<Self, PipelineError> {
        let format = plan.files().first().map_or(InputFormat::Text, |file| file.format());
        let limits =
            Limits { rows: options.window_rows.get(), bytes: options.window_bytes.get().min(MAX_TEXT_BYTES) };
        let records: Box<dyn Records> = match format {
            InputFormat::Text | InputFormat::Markdown => Box::new(TextRecords::open(plan, options)?),
            InputFormat::Jsonl => Box::new(JsonRecords::open(plan, options, limits)?),
            InputFormat::Csv => Box::new(CsvRecords::open(plan, options)?),
            InputFormat::Parquet => Box::new(Columnar::open(plan, |file| parquet::open(file, limits))?),
            InputFormat::Arrow => Box::new(Columnar::open(plan, arrow::open)?),
        };
        let asked = (options.text_column.as_deref(), options.id_column.as_deref());
        let columns = Columns::choose(records.schema(), asked.0, asked.1)?;
        Ok(Self { records, columns, limits, read: 0 })
    }

    /// The columns of every window.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(self.records.schema())
    }

    /// How many records there are in all; not known of standard input and pipes.
    #[must_use]
    pub fn total_rows(&self) -> Option<u64> {
        self.records.total_rows()
    }

    /// How many records [`InvalidUtf8::Skip`] has left out so far.
    #[must_use]
    pub fn skipped_rows(&self) -> u64 {
        self.records.skipped_rows()
    }

    /// The next records, at most `rows` good and bad ones together; `None` at the end. Where all are bad the window is
    /// empty.
    ///
    /// # Errors
    /// As [`Reader::next_window`].
    pub(crate) fn next_part(&mut self, rows: usize) -> Result<Option<Part>, PipelineError> {
        let limits = Limits { rows: rows.min(self.limits.rows), ..self.limits };
        let Some((batch, places)) = self.records.next_records(limits)? else { return Ok(None) };
        let mut bad = self.records.take_bad();
        let records = (batch.num_rows() + bad.len()) as u64;
        self.read += records;
        let (window, nulls) = Window::without_nulls(&batch, places, self.columns)?;
        bad.extend(nulls);
        Ok(Some(Part { window, bad, records }))
    }

    /// Leaves out the next `records` records, bad ones too.
    ///
    /// # Errors
    /// As [`Reader::next_window`].
    pub(crate) fn skip(&mut self, records: u64) -> Result<(), PipelineError> {
        let mut left = records.saturating_sub(self.records.jump(records));
        while left > 0 {
            let rows = usize::try_from(left).unwrap_or(usize::MAX);
            let limits = Limits { rows: rows.min(self.limits.rows), ..self.limits };
            let Some((batch, _)) = self.records.next_records(limits)? else { return Ok(()) };
            left = left.saturating_sub((batch.num_rows() + self.records.take_bad().len()) as u64);
        }
        Ok(())
    }

    /// What need not be found out again about the same inputs; `None` where it is not known yet.
    pub(crate) fn known(&self) -> Option<Known> {
        Some(Known { records: self.total_rows()?, keys: self.records.known_keys() })
    }

    /// Where the next record begins, where one can go there at once.
    pub(crate) fn bookmark(&self) -> Option<Bookmark> {
        self.records.bookmark()
    }

    /// Goes to a place that another reader of the same inputs gave.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn seek(&mut self, to: &Bookmark) -> Result<(), PipelineError> {
        self.records.seek(to)
    }

    /// Which columns have a meaning.
    pub(crate) const fn columns(&self) -> Columns {
        self.columns
    }

    /// How much a window holds.
    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    /// The next records, at least one; `None` at the end.
    ///
    /// # Errors
    /// Reading fails, or a record is not what it should be. The reader is of no use after that.
    pub fn next_window(&mut self) -> Result<Option<Window>, PipelineError> {
        let Some((batch, places)) = self.records.next_records(self.limits)? else { return Ok(None) };
        self.read += batch.num_rows() as u64;
        Window::new(batch, places, self.columns).map(Some)
    }
}

impl Windows for Reader {
    fn schema(&self) -> SchemaRef {
        Self::schema(self)
    }

    fn next_window(&mut self) -> Result<Option<Window>, PipelineError> {
        Self::next_window(self)
    }

    fn read_rows(&self) -> u64 {
        self.read
    }

    fn skipped_rows(&self) -> u64 {
        Self::skipped_rows(self)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("schema", self.records.schema())
            .field("columns", &self.columns)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
