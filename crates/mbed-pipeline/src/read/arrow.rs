//! Arrow IPC: files and streams, told apart by how they begin.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};

use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::SchemaRef;

use super::columnar::{Batches, Opened};
use super::open::{Bytes, Seekable, peek};
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
        _ if file.is_regular() => Seekable::Path(file.path().to_owned()),
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
    let batches = move || Ok(layout.batches(seekable.open()?, None)?.1);
    Ok(Opened { schema, rows: Some(rows), batches: Box::new(batches) })
}

fn open_once(bytes: Bytes) -> Result<Opened, Cause> {
    let reader = StreamReader::try_new(BufReader::new(bytes), None)?;
    let schema = reader.schema();
    Ok(Opened { schema, rows: None, batches: Box::new(move || Ok(Box::new(reader))) })
}

impl Layout {
    fn batches(self, bytes: File, columns: Option<Vec<usize>>) -> Result<(SchemaRef, Batches), Cause> {
        let bytes = BufReader::new(bytes);
        Ok(match self {
            Self::File => {
                let reader = FileReader::try_new(bytes, columns)?;
                (reader.schema(), Box::new(reader))
            }
            Self::Stream => {
                let reader = StreamReader::try_new(bytes, columns)?;
                (reader.schema(), Box::new(reader))
            }
        })
    }
}
