//! Comma-separated values as records: every column a string, exactly as written.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::mem;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use csv::{ByteRecord, ErrorKind};

use super::InvalidUtf8;
use super::limits::{Limits, MAX_TEXT_BYTES, check_length};
use super::open::{Bytes, TextBytes};
use super::reader::{BadRecord, BadRecords, Bookmark, ReadOptions, Records};
use super::utf8::{NotUtf8, Utf8Reader};
use crate::compression::Compression;
use crate::place::label;
use crate::plan::InputFile;
use crate::{InputPlan, PipelineError, Place, Position};

/// Records of files that have one header.
pub(super) struct CsvRecords {
    schema: SchemaRef,
    rows: Rows,
    total: Option<u64>,
}

impl CsvRecords {
    pub(super) fn open(plan: &InputPlan, options: &ReadOptions) -> Result<Self, PipelineError> {
        let rows = || Rows::new(plan.files(), options);
        let regular = plan.files().iter().all(InputFile::is_regular);
        let total = match &options.known {
            Some(known) => Some(known.records),
            None => regular.then(|| rows().count()).transpose()?,
        };
        let mut rows = rows();
        let header = rows.header()?;
        let fields: Vec<_> = header.iter().map(|name| Field::new(name, DataType::Utf8, false)).collect();
        Ok(Self { schema: Arc::new(Schema::new(fields)), rows, total })
    }
}

impl Records for CsvRecords {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn total_rows(&self) -> Option<u64> {
        self.total
    }

    fn skipped_rows(&self) -> u64 {
        self.rows.skipped
    }

    fn bookmark(&self) -> Option<Bookmark> {
        self.rows.bookmark()
    }

    fn seek(&mut self, to: &Bookmark) -> Result<(), PipelineError> {
        self.rows.seek(to)
    }

    fn take_bad(&mut self) -> Vec<BadRecord> {
        mem::take(&mut self.rows.bad)
    }

    fn next_records(&mut self, limits: Limits) -> Result<Option<(RecordBatch, Vec<Place>)>, PipelineError> {
        let mut builders: Vec<_> = self.schema.fields().iter().map(|_| StringBuilder::new()).collect();
        let mut places: Vec<Place> = Vec::new();
        let mut bytes = 0;
        while !limits.reached(places.len() + self.rows.bad.len(), bytes) {
            let place = match self.rows.advance()? {
                Some(Next::Row(place)) => place,
                Some(Next::Bad) => continue,
                None => break,
            };
            for (builder, field) in builders.iter_mut().zip(self.rows.fields()) {
                bytes += field.len();
                builder.append_value(field);
            }
            places.push(place);
        }
        if places.len() + self.rows.bad.len() == 0 {
            return Ok(None);
        }
        let file = places.last().map_or("", Place::file).to_owned();
        let columns: Vec<ArrayRef> =
            builders.iter_mut().map(|builder| Arc::new(builder.finish()) as _).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|source| PipelineError::Assemble { path: label(&file).to_owned(), source })?;
        Ok(Some((batch, places)))
    }
}

/// The rows of several files, one after the other.
struct Rows {
    files: VecDeque<InputFile>,
    /// How many files were opened.
    opened: u64,
    current: Option<OpenFile>,
    first: Option<Header>,
    record: ByteRecord,
    policy: InvalidUtf8,
    bad_records: BadRecords,
    /// Bad ones since they were last asked for.
    bad: Vec<BadRecord>,
    skipped: u64,
}

struct OpenFile {
    name: Arc<str>,
    file: InputFile,
    reader: csv::Reader<RecordBytes>,
    /// Where in the file the reader began: bytes and lines before it.
    start: (u64, u64),
    can_seek: bool,
}

/// Whether the first row names the columns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Headers {
    First,
    None,
}

/// What comes next.
enum Next {
    /// A row, and where it is.
    Row(Place),
    /// One that was put aside.
    Bad,
}

/// Column names, and the file they are from.
struct Header {
    file: String,
    names: Vec<String>,
}

impl Rows {
    fn new(files: &[InputFile], options: &ReadOptions) -> Self {
        Self {
            files: files.iter().cloned().collect(),
            opened: 0,
            current: None,
            first: None,
            record: ByteRecord::new(),
            policy: options.invalid_utf8,
            bad_records: options.bad_records,
            bad: Vec::new(),
            skipped: 0,
        }
    }

    /// Where the next row begins.
    fn bookmark(&self) -> Option<Bookmark> {
        let Some(current) = &self.current else { return Some(Bookmark::start_of(self.opened)) };
        let (position, (bytes, lines)) = (current.reader.position(), current.start);
        let (offset, line) = (bytes + position.byte(), lines + position.line() - 1);
        current.can_seek.then(|| Bookmark { file: self.opened.saturating_sub(1), offset, line })
    }

    /// Goes to where a row begins. The first file is open for its header, and no row was read.
    fn seek(&mut self, to: &Bookmark) -> Result<(), PipelineError> {
        if to.file > 0 {
            self.current = None;
        }
        for _ in self.opened..to.file {
            self.files.pop_front();
            self.opened += 1;
        }
        if to.offset == 0 {
            return Ok(());
        }
        let file = match &self.current {
            Some(current) => Some(current.file.clone()),
            None => self.files.pop_front().inspect(|_| self.opened += 1),
        };
        self.current = file.map(|file| OpenFile::open_at(&file, self.policy(), to)).transpose()?;
        Ok(())
    }

    /// What the parser does with bytes that are not UTF-8: where bad records are put aside it leaves them for later.
    const fn policy(&self) -> InvalidUtf8 {
        match self.bad_records {
            BadRecords::Fail => self.policy,
            BadRecords::Collect => InvalidUtf8::Replace,
        }
    }

    /// The column names of all files.
    fn header(&mut self) -> Result<&[String], PipelineError> {
        if self.current.is_none() {
            self.open_next()?;
        }
        Ok(self.first.as_ref().map_or(&[], |header| header.names.as_slice()))
    }

    fn count(mut self) -> Result<u64, PipelineError> {
        let mut count = 0;
        while self.advance()?.is_some() {
            self.bad.clear();
            count += 1;
        }
        Ok(count)
    }

    /// Goes to the next row, `None` at the end of the last file.
    fn advance(&mut self) -> Result<Option<Next>, PipelineError> {
        loop {
            let Some(current) = &mut self.current else {
                if self.open_next()? {
                    continue;
                }
                return Ok(None);
            };
            let Some(place) = current.read(&mut self.record)? else {
                self.current = None;
                continue;
            };
            check_length(self.record.as_slice().len(), &place)?;
            if self.policy == InvalidUtf8::Skip && self.bad_field().is_some() {
                self.skipped += 1;
                continue;
            }
            match self.check(&place) {
                Ok(()) => return Ok(Some(Next::Row(place))),
                Err(error) if self.bad_records == BadRecords::Fail => return Err(error),
                Err(error) => {
                    self.bad.push(BadRecord { place, reason: error.to_string() });
                    return Ok(Some(Next::Bad));
                }
            }
        }
    }

    /// The first field that is not UTF-8.
    fn bad_field(&self) -> Option<usize> {
        self.record.iter().position(|field| str::from_utf8(field).is_err())
    }

    /// Makes sure that the row has a field for each column, all of them UTF-8 where that matters.
    fn check(&self, place: &Place) -> Result<(), PipelineError> {
        let columns = self.first.as_ref().map_or(&[][..], |header| header.names.as_slice());
        let (expected, got) = (columns.len() as u64, self.record.len() as u64);
        if got != expected {
            return Err(PipelineError::RaggedRow { place: place.clone(), expected, got });
        }
        match self.bad_field().filter(|_| self.policy == InvalidUtf8::Error) {
            Some(field) => Err(PipelineError::FieldNotUtf8 {
                place: place.clone(),
                column: columns.get(field).cloned().unwrap_or_default(),
            }),
            None => Ok(()),
        }
    }

    /// The fields of the row that [`Rows::advance`] went to.
    fn fields(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.record.iter().map(String::from_utf8_lossy)
    }

    /// Opens the next file and checks its header; `false` where there is none.
    fn open_next(&mut self) -> Result<bool, PipelineError> {
        let Some(file) = self.files.pop_front() else { return Ok(false) };
        self.opened += 1;
        let mut opened = OpenFile::open(&file, self.policy())?;
        let header = opened.header()?;
        match &self.first {
            None => self.first = Some(header),
            Some(first) => first.check_same(&header)?,
        }
        self.current = Some(opened);
        Ok(true)
    }
}

impl OpenFile {
    fn open(file: &InputFile, policy: InvalidUtf8) -> Result<Self, PipelineError> {
        Self::over(file, TextBytes::open(file)?, policy, (Headers::First, 0))
    }

    /// A file from a row on that is not its first.
    fn open_at(file: &InputFile, policy: InvalidUtf8, at: &Bookmark) -> Result<Self, PipelineError> {
        Self::over(file, TextBytes::open_at(file, at.offset)?, policy, (Headers::None, at.line))
    }

    fn over(
        file: &InputFile,
        TextBytes { reader, offset }: TextBytes,
        policy: InvalidUtf8,
        (headers, lines): (Headers, u64),
    ) -> Result<Self, PipelineError> {
        let inner: Bytes = match policy {
            InvalidUtf8::Error => Box::new(Utf8Reader::new(reader, offset)),
            InvalidUtf8::Replace | InvalidUtf8::Skip => Box::new(reader),
        };
        let bytes = RecordBytes { inner, left: MAX_TEXT_BYTES, last: Vec::new(), end: 0 };
        // How many fields a row has is looked at here, where a row can be put aside for it.
        let reader = csv::ReaderBuilder::new()
            .delimiter(delimiter(file.path()))
            .has_headers(headers == Headers::First)
            .flexible(true)
            .from_reader(bytes);
        let can_seek = file.is_seekable();
        Ok(Self { name: file.name().into(), file: file.clone(), reader, start: (offset, lines), can_seek })
    }

    /// Bad bytes of a header are always replaced where they are not an error: it is not a record to leave out.
    fn header(&mut self) -> Result<Header, PipelineError> {
        let name = Arc::clone(&self.name);
        let file = label(&name).to_owned();
        let place = Place::new(Arc::clone(&name), Position::Line(1));
        let names = self.reader.byte_headers().map_err(|error| failure(&place, error))?;
        let names: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        if names.is_empty() {
            return Err(PipelineError::NoHeader { path: file });
        }
        let repeated =
            names.iter().enumerate().find(|(index, name)| names.iter().take(*index).any(|it| it == *name));
        match repeated {
            Some((_, column)) => Err(PipelineError::DuplicateColumn { path: file, column: column.clone() }),
            None => Ok(Header { file, names }),
        }
    }

    fn read(&mut self, record: &mut ByteRecord) -> Result<Option<Place>, PipelineError> {
        self.reader.get_mut().left = MAX_TEXT_BYTES;
        let found = self.reader.read_byte_record(record);
        let place = Place::new(Arc::clone(&self.name), Position::Line(self.first_line(record)));
        found.map(|found| found.then(|| place.clone())).map_err(|error| failure(&place, error))
    }

    /// The line that `record`, the last one read, begins on. The parser's own answer is that of the end of the record
    /// before it, which leaves out blank lines and, where lines end with two bytes, the second of them.
    fn first_line(&self, record: &ByteRecord) -> u64 {
        let position = self.reader.position();
        let inside = record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
        let ended = self.reader.get_ref().byte_before(position.byte()) == Some(b'\n');
        let (_, before) = self.start;
        (before + position.line()).saturating_sub(inside + u64::from(ended))
    }
}

impl Header {
    fn check_same(&self, other: &Self) -> Result<(), PipelineError> {
        if self.names == other.names {
            return Ok(());
        }
        Err(PipelineError::DifferentColumns {
            first: self.file.clone(),
            second: other.file.clone(),
            difference: format!("`{}` instead of `{}`", other.names.join("`, `"), self.names.join("`, `")),
        })
    }
}

fn delimiter(path: &Path) -> u8 {
    let (_, path) = Compression::of(path);
    let tabs = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"));
    if tabs { b'\t' } else { b',' }
}

fn failure(place: &Place, error: csv::Error) -> PipelineError {
    let name = place.file();
    let error = match error.into_kind() {
        ErrorKind::Io(error) => error,
        // Of reading bytes there is nothing else.
        other => io::Error::other(format!("{other:?}")),
    };
    let inner = error.get_ref();
    if let Some(&NotUtf8 { offset }) = inner.and_then(|inner| inner.downcast_ref()) {
        return PipelineError::InvalidUtf8 { path: label(name).to_owned(), offset };
    }
    if inner.is_some_and(|inner| inner.is::<RecordTooLong>()) {
        return PipelineError::TextTooLong { place: place.clone(), limit: MAX_TEXT_BYTES.into() };
    }
    PipelineError::read(name, error)
}

/// Bytes of a file, of which only so many may be read for one record: a quote that is never closed would make
/// one record of all the rest.
struct RecordBytes {
    inner: Bytes,
    left: usize,
    /// What was read last, and where in all that was read it ends.
    last: Vec<u8>,
    end: u64,
}

impl RecordBytes {
    /// The byte in front of `offset`, if it was among those read last. It is for the position of a parser: that has
    /// used up all that was read before.
    fn byte_before(&self, offset: u64) -> Option<u8> {
        let back = usize::try_from(self.end.checked_sub(offset)?).ok()?;
        self.last.get(self.last.len().checked_sub(back + 1)?).copied()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a record is too long")]
struct RecordTooLong;

impl Read for RecordBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, RecordTooLong));
        }
        let count = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(count);
        if let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) {
            self.last.clear();
            self.last.extend_from_slice(read);
            self.end += count as u64;
        }
        Ok(count)
    }
}
