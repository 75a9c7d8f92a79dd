//! One CSV file.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use csv::{ByteRecord, ErrorKind};

use super::rows::Header;
use crate::compression::Compression;
use crate::place::label;
use crate::plan::InputFile;
use crate::read::InvalidUtf8;
use crate::read::limits::MAX_TEXT_BYTES;
use crate::read::open::{Bytes, TextBytes};
use crate::read::reader::Bookmark;
use crate::read::utf8::{NotUtf8, Utf8Reader};
use crate::{PipelineError, Place, Position};

/// A file whose rows are read.
pub(super) struct OpenFile {
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

impl OpenFile {
    pub(super) fn open(file: &InputFile, policy: InvalidUtf8) -> Result<Self, PipelineError> {
        Self::over(file, TextBytes::open(file)?, policy, (Headers::First, 0))
    }

    /// A file from a row on that is not its first.
    pub(super) fn open_at(
        file: &InputFile,
        policy: InvalidUtf8,
        at: &Bookmark,
    ) -> Result<Self, PipelineError> {
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
    pub(super) fn header(&mut self) -> Result<Header, PipelineError> {
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

    pub(super) fn read(&mut self, record: &mut ByteRecord) -> Result<Option<Place>, PipelineError> {
        self.reader.get_mut().left = MAX_TEXT_BYTES;
        let found = self.reader.read_byte_record(record);
        let place = Place::new(Arc::clone(&self.name), Position::Line(self.first_line(record)));
        found.map(|found| found.then(|| place.clone())).map_err(|error| failure(&place, error))
    }

    /// The bytes and lines before the next row, where one can go there at once.
    pub(super) fn place(&self) -> Option<(u64, u64)> {
        let (position, (bytes, lines)) = (self.reader.position(), self.start);
        self.can_seek.then(|| (bytes + position.byte(), lines + position.line() - 1))
    }

    pub(super) const fn file(&self) -> &InputFile {
        &self.file
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
