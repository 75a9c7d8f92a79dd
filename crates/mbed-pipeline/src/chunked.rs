//! Documents in, chunks out.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder, UInt32Builder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use mbed_core::settings::ChunkPooling;
use mbed_text::chunk::{Chunk, Chunker};

use crate::columns::Columns;
use crate::place::label;
use crate::read::Limits;
use crate::{PipelineError, Place, Reader, Window};

/// Windows of records, one after the other.
pub trait Windows: Send {
    /// The columns of every window.
    fn schema(&self) -> SchemaRef;

    /// The next window, at least one record; `None` at the end.
    ///
    /// # Errors
    /// Reading fails, or a record is not what it should be.
    fn next_window(&mut self) -> Result<Option<Window>, PipelineError>;

    /// How many input records were read so far, those that were left out too.
    fn read_rows(&self) -> u64;

    /// How many records were left out so far for bytes that are not UTF-8.
    fn skipped_rows(&self) -> u64;
}

/// A reader whose documents are cut into chunks: each chunk is a record with all columns of its document, its own text in
/// place of the whole one, and columns that say which part it is.
///
/// The added columns are `document` (the id, or the place it was read from), `chunk` (its number there), `start` and `end`
/// (bytes of the document), `level` and `parent` (the number of the chunk it is a part of, null at the top), `headings`,
/// and `reason` where a strategy chooses by document. A document without text is one empty chunk, so that none is lost.
pub struct ChunkedReader {
    reader: Reader,
    cutter: Cutter,
    ready: VecDeque<Window>,
}

/// Cuts the documents of windows.
#[derive(Clone)]
pub(crate) struct Cutter {
    chunker: Arc<dyn Chunker>,
    schema: SchemaRef,
    columns: Columns,
    limits: Limits,
    pooling: ChunkPooling,
}

impl ChunkedReader {
    /// Cuts what `reader` reads.
    ///
    /// # Errors
    /// The input has a column with the name of one that is added ([`PipelineError::ColumnTaken`]).
    pub fn new(reader: Reader, chunker: Arc<dyn Chunker>) -> Result<Self, PipelineError> {
        let cutter = Cutter::new(&reader, chunker)?;
        Ok(Self { reader, cutter, ready: VecDeque::new() })
    }

    /// Says what chunks are read with when they are embedded. With [`ChunkPooling::Late`], the chunks of a document are in
    /// one window, however many there are.
    #[must_use]
    pub fn with_pooling(mut self, pooling: ChunkPooling) -> Self {
        self.cutter.pooling = pooling;
        self
    }
}

impl Cutter {
    pub(crate) fn new(reader: &Reader, chunker: Arc<dyn Chunker>) -> Result<Self, PipelineError> {
        let schema = chunk_schema(&reader.schema(), reader.columns(), chunker.gives_reasons())?;
        let (columns, limits) = (reader.columns(), reader.limits());
        Ok(Self { chunker, schema, columns, limits, pooling: ChunkPooling::Early })
    }

    /// The columns of chunks.
    pub(crate) const fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Cuts the documents of `window`, as windows of bounded size.
    pub(crate) fn cut(&self, window: &Window) -> Result<VecDeque<Window>, PipelineError> {
        let texts: Vec<&str> = window.texts().collect();
        let documents = self.chunker.chunk_all(&texts).map_err(|source| PipelineError::Chunk {
            place: window.place(0).cloned().unwrap_or_else(|| Place::new("".into(), crate::Position::Whole)),
            source,
        })?;
        let limits = self.limits;
        let mut windows = VecDeque::new();
        let mut rows: Vec<Row<'_>> = Vec::new();
        let mut bytes = 0;
        for (document, (text, chunks)) in texts.iter().zip(&documents).enumerate() {
            for row in rows_of(document, text, chunks) {
                bytes += row.text.len();
                rows.push(row);
                if self.pooling == ChunkPooling::Early && limits.reached(rows.len(), bytes) {
                    windows.push_back(self.assemble(window, &rows)?);
                    (rows, bytes) = (Vec::new(), 0);
                }
            }
            if limits.reached(rows.len(), bytes) {
                windows.push_back(self.assemble(window, &rows)?);
                (rows, bytes) = (Vec::new(), 0);
            }
        }
        if !rows.is_empty() {
            windows.push_back(self.assemble(window, &rows)?);
        }
        Ok(windows)
    }

    /// No chunks, of a window of no documents.
    pub(crate) fn none(&self, window: &Window) -> Result<Window, PipelineError> {
        self.assemble(window, &[])
    }

    fn assemble(&self, window: &Window, rows: &[Row<'_>]) -> Result<Window, PipelineError> {
        let places: Vec<Place> = rows.iter().filter_map(|row| window.place(row.document).cloned()).collect();
        let failed = |source| {
            let file = places.last().map_or("", Place::file);
            PipelineError::Assemble { path: label(file).to_owned(), source }
        };
        let batch = self.table(window, rows).map_err(failed)?;
        let chunks = Window::new(batch, places, self.columns)?;
        Ok(match self.pooling {
            ChunkPooling::Early => chunks,
            ChunkPooling::Late => {
                let part = |row: &Row<'_>| (row.document, row.span());
                chunks.within(window, rows.iter().map(part).collect())
            }
        })
    }

    fn table(&self, window: &Window, rows: &[Row<'_>]) -> Result<RecordBatch, ArrowError> {
        let origin: UInt32Array = rows.iter().map(|row| u32::try_from(row.document).ok()).collect();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for (index, column) in window.batch().columns().iter().enumerate() {
            columns.push(if index == self.columns.text {
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.text)))
            } else {
                arrow_select::take::take(column, &origin, None)?
            });
        }
        columns.extend(added(window, rows, self.chunker.gives_reasons()));
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

impl Windows for ChunkedReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.cutter.schema)
    }

    fn next_window(&mut self) -> Result<Option<Window>, PipelineError> {
        while self.ready.is_empty() {
            let Some(window) = self.reader.next_window()? else { return Ok(None) };
            self.ready = self.cutter.cut(&window)?;
        }
        Ok(self.ready.pop_front())
    }

    fn read_rows(&self) -> u64 {
        self.reader.read_rows()
    }

    fn skipped_rows(&self) -> u64 {
        self.reader.skipped_rows()
    }
}

impl std::fmt::Debug for ChunkedReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkedReader").field("reader", &self.reader).finish_non_exhaustive()
    }
}

/// One chunk of one document of a window.
struct Row<'a> {
    document: usize,
    number: usize,
    text: &'a str,
    chunk: Option<&'a Chunk>,
}

impl Row<'_> {
    /// The bytes of its document.
    fn span(&self) -> Range<usize> {
        self.chunk.map_or(0..0, |chunk| chunk.span.clone())
    }
}

fn rows_of<'a>(document: usize, text: &'a str, chunks: &'a [Chunk]) -> Vec<Row<'a>> {
    if chunks.is_empty() {
        return vec![Row { document, number: 0, text, chunk: None }];
    }
    let row = |(number, chunk): (usize, &'a Chunk)| Row {
        document,
        number,
        text: text.get(chunk.span.clone()).unwrap_or_default(),
        chunk: Some(chunk),
    };
    chunks.iter().enumerate().map(row).collect()
}

/// The columns of chunks: those of documents, and what is added.
fn chunk_schema(input: &Schema, columns: Columns, reasons: bool) -> Result<SchemaRef, PipelineError> {
    let mut fields: Vec<Arc<Field>> = input.fields().to_vec();
    if let Some(text) = fields.get_mut(columns.text) {
        *text = Arc::new(Field::new(text.name(), DataType::Utf8, false));
    }
    let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
    let mut added = vec![
        Field::new("document", DataType::Utf8, false),
        Field::new("chunk", DataType::UInt32, false),
        Field::new("start", DataType::UInt64, false),
        Field::new("end", DataType::UInt64, false),
        Field::new("level", DataType::UInt32, false),
        Field::new("parent", DataType::UInt32, true),
        Field::new("headings", DataType::List(item), false),
    ];
    added.extend(reasons.then(|| Field::new("reason", DataType::Utf8, true)));
    for field in added {
        if input.index_of(field.name()).is_ok() {
            return Err(PipelineError::ColumnTaken { column: field.name().clone() });
        }
        fields.push(Arc::new(field));
    }
    Ok(Arc::new(Schema::new_with_metadata(fields, input.metadata().clone())))
}

/// The values of the added columns.
fn added(window: &Window, rows: &[Row<'_>], reasons: bool) -> Vec<ArrayRef> {
    let mut document = StringBuilder::new();
    let (mut number, mut level, mut parent) =
        (UInt32Builder::new(), UInt32Builder::new(), UInt32Builder::new());
    let (mut start, mut end) = (UInt64Builder::new(), UInt64Builder::new());
    let mut headings = ListBuilder::new(StringBuilder::new());
    let mut reason = StringBuilder::new();
    let short = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    for row in rows {
        document.append_value(window.document(row.document));
        number.append_value(short(row.number));
        let span = row.span();
        start.append_value(span.start as u64);
        end.append_value(span.end as u64);
        level.append_value(row.chunk.map_or(0, |chunk| short(chunk.level)));
        parent.append_option(row.chunk.and_then(|chunk| chunk.parent).map(short));
        headings.append_value(row.chunk.iter().flat_map(|chunk| &chunk.headings).map(Some));
        reason.append_option(row.chunk.and_then(|chunk| chunk.reason.as_deref()));
    }
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(document.finish()),
        Arc::new(number.finish()),
        Arc::new(start.finish()),
        Arc::new(end.finish()),
        Arc::new(level.finish()),
        Arc::new(parent.finish()),
        Arc::new(headings.finish()),
    ];
    columns.extend(reasons.then(|| Arc::new(reason.finish()) as ArrayRef));
    columns
}
