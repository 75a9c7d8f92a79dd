//! Where bytes go.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::replace::Replacement;
use crate::PipelineError;

/// Bytes that are collected before they are passed on.
const BUFFER_BYTES: usize = 256 << 10;

/// Where output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, which appears when it is whole. A device or a named pipe is written to as it comes.
    File(PathBuf),
    /// Standard output, as it comes.
    Stdout,
}

/// An open target that counts what it is given.
pub(super) struct Output {
    name: String,
    writer: BufWriter<Destination>,
    bytes: u64,
}

enum Destination {
    Replacement(Replacement),
    Stream(Box<dyn Write + Send>),
}

impl Output {
    /// Opens `target`.
    ///
    /// # Errors
    /// It is a folder, or its folder does not exist or cannot be written in.
    pub(super) fn open(target: &Target) -> Result<Self, PipelineError> {
        let (name, destination) = match target {
            Target::Stdout => ("standard output".to_owned(), Destination::stdout()),
            Target::File(path) => (path.to_string_lossy().into_owned(), Destination::open(path)?),
        };
        Ok(Self { name, writer: BufWriter::with_capacity(BUFFER_BYTES, destination), bytes: 0 })
    }

    /// Writes to `stream` as it comes.
    pub(super) fn stream(name: String, stream: Box<dyn Write + Send>) -> Self {
        let writer = BufWriter::with_capacity(BUFFER_BYTES, Destination::Stream(stream));
        Self { name, writer, bytes: 0 }
    }

    /// What to call it in a message.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it becomes a file, of which any part can be written again until it is committed.
    pub(super) fn is_file(&self) -> bool {
        matches!(self.writer.get_ref(), Destination::Replacement(_))
    }

    /// Puts `bytes` in place of the first ones, where this becomes a file.
    pub(super) fn overwrite_start(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.flush()?;
        match self.writer.get_mut() {
            Destination::Replacement(replacement) => {
                let file = replacement.file_mut();
                file.rewind()?;
                file.write_all(bytes)?;
                file.seek(SeekFrom::End(0)).map(drop)
            }
            Destination::Stream(_) => Err(io::ErrorKind::NotSeekable.into()),
        }
    }

    /// Passes on what is still here, lets the file appear, and tells how many bytes it has.
    pub(super) fn commit(mut self) -> io::Result<u64> {
        self.writer.flush()?;
        match self.writer.into_inner().map_err(io::IntoInnerError::into_error)? {
            Destination::Replacement(replacement) => replacement.commit()?,
            Destination::Stream(_) => {}
        }
        Ok(self.bytes)
    }
}

/// Writes parts one behind the other, and tells how many bytes they have.
///
/// # Errors
/// The target cannot be written, or a part cannot be had.
pub(crate) fn concatenate<E: From<PipelineError>>(
    target: &Target,
    parts: impl Iterator<Item = Result<bytes::Bytes, E>>,
) -> Result<u64, E> {
    let mut output = Output::open(target)?;
    let name = output.name().to_owned();
    let failed = |source| E::from(PipelineError::write(&name, source));
    for part in parts {
        output.write_all(&part?).map_err(failed)?;
    }
    output.commit().map_err(failed)
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Destination {
    fn stdout() -> Self {
        Self::Stream(Box::new(io::stdout()))
    }

    fn open(path: &Path) -> Result<Self, PipelineError> {
        if names_stdout(path) {
            return Ok(Self::stdout());
        }
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => Err(PipelineError::OutputIsFolder { path: path.to_owned() }),
            Ok(metadata) if !metadata.is_file() => {
                let opened = OpenOptions::new().write(true).open(path);
                let file: File =
                    opened.map_err(|source| PipelineError::write(&path.to_string_lossy(), source))?;
                Ok(Self::Stream(Box::new(file)))
            }
            _ => Replacement::begin(path).map(Self::Replacement),
        }
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Replacement(replacement) => replacement.file_mut().write(bytes),
            Self::Stream(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Replacement(replacement) => replacement.file_mut().flush(),
            Self::Stream(stream) => stream.flush(),
        }
    }
}

/// Whether a path means standard output, which must not be replaced even where it goes to a file.
fn names_stdout(path: &Path) -> bool {
    ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}
