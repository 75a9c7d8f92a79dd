//! Arrow IPC: files and streams, told apart by how they begin.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, SchemaRef};

use super::columnar::{Batches, Opened};
use super::open::{Bytes, SeekFile, Seekable, peek};
use crate::error::Cause;
use crate::plan::InputFile;
use crate::{InputFormat, PipelineError};

/// How a file in the file format begins; a stream begins with anything else.
/// <https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format>
const MAGIC: &[u8] = b"ARROW1";

/// The two ways to write Arrow IPC.
#[derive(Clone, Copy)]
enum Layout {
    File,
    Stream,
}

/// Reads the columns of `file`, and counts its rows where it can be read twice.
pub(super) fn open(file: &InputFile) -> Result<Opened, PipelineError> {
    let corrupt = |source: Cause| PipelineError::corrupt(&file.name(), InputFormat::Arrow, source);
    let (start, rest) = peek(file, MAGIC.len())?;
    let layout = if start == MAGIC { Layout::File } else { Layout::Stream };
    let bytes: Bytes = Box::new(Cursor::new(start).chain(rest));
    let seekable = match layout {
        _ if file.is_seekable() => Seekable::of(file)?,
        Layout::Stream if file.is_regular() => Seekable::spool(file, bytes)?,
        Layout::File => Seekable::spool(file, bytes)?,
        Layout::Stream => return open_once(bytes).map_err(corrupt),
    };
    open_seekable(seekable, layout).map_err(corrupt)
}

fn open_seekable(seekable: Seekable, layout: Layout) -> Result<Opened, Cause> {
    let (schema, _) = layout.batches(seekable.open()?, None)?;
    // Without columns nothing is decoded, but every batch still tells how many rows it has.
    let (_, bare) = layout.batches(seekable.open()?, Some(Vec::new()))?;
    let mut rows = 0;
    for batch in bare {
        rows += batch?.num_rows() as u64;
    }
    let batches = move |left_out| Ok(behind(left_out, layout.batches(seekable.open()?, None)?.1));
    Ok(Opened { schema, rows: Some(rows), batches: Box::new(batches) })
}

fn open_once(bytes: Bytes) -> Result<Opened, Cause> {
    let stream = WholeStream::open(BufReader::new(bytes), None)?;
    let schema = stream.reader.schema();
    Ok(Opened {
        schema,
        rows: None,
        batches: Box::new(move |left_out| Ok(behind(left_out, Box::new(stream)))),
    })
}

/// The rows behind the first ones. Those are read, which costs little beside decoding anything else.
fn behind(mut left_out: u64, batches: Batches) -> Batches {
    if left_out == 0 {
        return batches;
    }
    Box::new(batches.map(move |batch| {
        let batch = batch?;
        let here = usize::try_from(left_out).unwrap_or(usize::MAX).min(batch.num_rows());
        left_out -= here as u64;
        Ok(batch.slice(here, batch.num_rows() - here))
    }))
}

impl Layout {
    fn batches(self, bytes: SeekFile, columns: Option<Vec<usize>>) -> Result<(SchemaRef, Batches), Cause> {
        let bytes = BufReader::new(bytes);
        Ok(match self {
            Self::File => {
                let reader = FileReader::try_new(bytes, columns)?;
                (reader.schema(), Box::new(reader))
            }
            Self::Stream => {
                let stream = WholeStream::open(bytes, columns)?;
                (stream.reader.schema(), Box::new(stream))
            }
        })
    }
}

/// The batches of a stream, and an error where it ends without the mark that its writer sets last.
///
/// The format lets a writer end a stream by closing it, which looks the same as one that was cut between two
/// messages. Rows could be missing from either, so neither passes for whole.
struct WholeStream<R: Read> {
    reader: StreamReader<EndWatch<R>>,
    ran_out: Arc<AtomicBool>,
}

impl<R: Read> WholeStream<R> {
    fn open(bytes: R, columns: Option<Vec<usize>>) -> Result<Self, ArrowError> {
        let ran_out = Arc::new(AtomicBool::new(false));
        let watched = EndWatch { bytes, ran_out: Arc::clone(&ran_out) };
        Ok(Self { reader: StreamReader::try_new(watched, columns)?, ran_out })
    }
}

impl<R: Read> Iterator for WholeStream<R> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next();
        // Told once: whoever asks again after an error gets the end.
        if batch.is_none() && self.ran_out.swap(false, Ordering::Relaxed) {
            let message = "the stream ends without its end mark, so rows may be missing".to_owned();
            return Some(Err(ArrowError::IpcError(message)));
        }
        batch
    }
}

/// Notes when more bytes are asked for than there are, which the reader of a marked stream never does.
struct EndWatch<R> {
    bytes: R,
    ran_out: Arc<AtomicBool>,
}

impl<R: Read> Read for EndWatch<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.ran_out.store(true, Ordering::Relaxed);
        }
        Ok(read)
    }
}
