//! Files and standard input as bytes.

#![cfg_attr(not(feature = "objects"), expect(unreachable_code, reason = "there are no objects then"))]

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::PathBuf;

use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::PipelineError;
use crate::objects::{Object, ObjectReader};
use crate::plan::InputFile;

/// Bytes of any input.
pub(super) type Bytes = Box<dyn Read + Send>;

/// The byte order mark that some programs put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes that are asked for at a time: large enough that system calls are rare, small enough for a core's cache.
const BUFFER_BYTES: usize = 256 << 10;

/// The bytes of `file`.
///
/// # Errors
/// It cannot be opened.
pub(super) fn open(file: &InputFile) -> Result<Bytes, PipelineError> {
    if file.is_stdin() {
        return Ok(Box::new(io::stdin()));
    }
    let bytes: Bytes = match file.object() {
        Some(object) => Box::new(object.reader()),
        None => {
            let opened = File::open(file.path());
            Box::new(opened.map_err(|source| PipelineError::read(&file.name(), source))?)
        }
    };
    let opened = file.compression().open(bytes);
    opened.map_err(|source| PipelineError::read(&file.name(), source))
}

/// A text file behind its byte order mark.
pub(super) struct TextBytes {
    pub(super) reader: BufReader<Bytes>,
    /// Where in the file the reader begins.
    pub(super) offset: u64,
}

impl TextBytes {
    /// # Errors
    /// The file cannot be opened or read.
    pub(super) fn open(file: &InputFile) -> Result<Self, PipelineError> {
        let (start, rest) = peek(file, BYTE_ORDER_MARK.len())?;
        let marked = start == BYTE_ORDER_MARK;
        let offset = if marked { start.len() as u64 } else { 0 };
        let bytes: Bytes = if marked { rest } else { Box::new(Cursor::new(start).chain(rest)) };
        Ok(Self { reader: BufReader::with_capacity(BUFFER_BYTES, bytes), offset })
    }

    /// The bytes from `offset` on, of a file that can be read at any place.
    ///
    /// # Errors
    /// The file cannot be opened, or has no such place.
    pub(super) fn open_at(file: &InputFile, offset: u64) -> Result<Self, PipelineError> {
        let failed = |source| PipelineError::read(&file.name(), source);
        let mut opened = Seekable::of(file)?.open().map_err(failed)?;
        opened.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let bytes: Bytes = Box::new(opened);
        Ok(Self { reader: BufReader::with_capacity(BUFFER_BYTES, bytes), offset })
    }
}

/// The first `count` bytes of `file`, fewer where it is shorter, and the rest.
///
/// # Errors
/// The file cannot be opened or read.
pub(super) fn peek(file: &InputFile, count: usize) -> Result<(Vec<u8>, Bytes), PipelineError> {
    let mut rest = open(file)?;
    let mut start = Vec::with_capacity(count);
    let limit = count as u64;
    rest.by_ref()
        .take(limit)
        .read_to_end(&mut start)
        .map_err(|source| PipelineError::read(&file.name(), source))?;
    Ok((start, rest))
}

/// A file that can be opened again and again, and read at any place.
pub(super) enum Seekable {
    /// A regular file. It is not held open, so that there may be thousands.
    Path(PathBuf),
    /// An unnamed temporary file.
    Spool(File),
    /// An object, of which any part can be asked for.
    Object(Object),
}

/// A file or an object at any place.
#[derive(Debug)]
pub(super) enum SeekFile {
    File(File),
    Object(Box<ObjectReader>),
}

impl Read for SeekFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Object(object) => object.read(buffer),
        }
    }
}

impl Seek for SeekFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Object(object) => object.seek(to),
        }
    }
}

impl Length for SeekFile {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => file.len(),
            Self::Object(object) => object.len(),
        }
    }
}

impl ChunkReader for SeekFile {
    type T = BufReader<Self>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let mut copy = match self {
            Self::File(file) => Self::File(file.try_clone()?),
            Self::Object(object) => Self::Object(object.clone()),
        };
        copy.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(copy))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes, ParquetError> {
        let mut buffer = Vec::with_capacity(length);
        let read = self.get_read(start)?.take(length as u64).read_to_end(&mut buffer)?;
        if read != length {
            return Err(ParquetError::EOF(format!("{read} bytes at {start} instead of {length}")));
        }
        Ok(buffer.into())
    }
}

impl Seekable {
    /// `file`, copied to a temporary file where it is not a regular one, or is compressed.
    ///
    /// # Errors
    /// The file cannot be opened, read or copied.
    pub(super) fn of(file: &InputFile) -> Result<Self, PipelineError> {
        if let Some(object) = file.object().filter(|_| file.is_seekable()) {
            Ok(Self::Object(object.clone()))
        } else if file.is_seekable() {
            Ok(Self::Path(file.path().to_owned()))
        } else {
            Self::spool(file, open(file)?)
        }
    }

    /// A temporary file with all of `bytes`, which are those of `file`.
    ///
    /// # Errors
    /// Reading or writing fails.
    pub(super) fn spool(file: &InputFile, mut bytes: Bytes) -> Result<Self, PipelineError> {
        let mut copy = || {
            let mut spool = tempfile::tempfile()?;
            io::copy(&mut bytes, &mut spool)?;
            Ok(Self::Spool(spool))
        };
        copy().map_err(|source| PipelineError::read(&file.name(), source))
    }

    /// The file from its start.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn open(&self) -> io::Result<SeekFile> {
        match self {
            Self::Path(path) => File::open(path).map(SeekFile::File),
            Self::Spool(spool) => {
                let mut file = spool.try_clone()?;
                file.rewind()?;
                Ok(SeekFile::File(file))
            }
            Self::Object(object) => Ok(SeekFile::Object(Box::new(object.reader()))),
        }
    }
}
