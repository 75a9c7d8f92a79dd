//! A few records at a time.

use std::fmt;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, RecordBatch, StringViewArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType};
use arrow_select::filter::filter_record_batch;

use crate::columns::Columns;
use crate::place::{Place, label};
use crate::{BadRecord, PipelineError};

/// Consecutive records of an input: all of their columns, the texts ready to read, and where each came from.
pub struct Window {
    batch: RecordBatch,
    texts: StringViewArray,
    columns: Columns,
    places: Vec<Place>,
    whole: Option<Whole>,
}

/// The documents that chunks are read within.
struct Whole {
    documents: StringViewArray,
    /// For each record the number of its document, and the bytes of it that are its text.
    parts: Vec<(usize, Range<usize>)>,
}

impl Window {
    /// A window on `batch`, with one place for each of its rows.
    ///
    /// # Errors
    /// A text or an id is null ([`PipelineError::NullValue`]).
    pub(crate) fn new(
        batch: RecordBatch,
        places: Vec<Place>,
        columns: Columns,
    ) -> Result<Self, PipelineError> {
        for column in [Some(columns.text), columns.id].into_iter().flatten() {
            check_no_nulls(&batch, &places, column)?;
        }
        let file = places.last().map_or("", Place::file);
        let texts = view(&batch, columns.text)
            .map_err(|source| PipelineError::Assemble { path: label(file).to_owned(), source })?;
        Ok(Self { batch, texts, columns, places, whole: None })
    }

    /// A window on the rows of `batch` whose text and id are not null, and what is wrong with the others.
    pub(crate) fn without_nulls(
        batch: &RecordBatch,
        places: Vec<Place>,
        columns: Columns,
    ) -> Result<(Self, Vec<BadRecord>), PipelineError> {
        let mut kept = vec![true; batch.num_rows()];
        let mut bad = Vec::new();
        for column in [Some(columns.text), columns.id].into_iter().flatten() {
            let Some(nulls) = batch.column(column).logical_nulls() else { continue };
            for (row, (kept, place)) in kept.iter_mut().zip(&places).enumerate() {
                if *kept && nulls.is_null(row) {
                    *kept = false;
                    let column = batch.schema_ref().field(column).name();
                    bad.push(BadRecord {
                        place: place.clone(),
                        reason: format!("column `{column}` is null"),
                    });
                }
            }
        }
        if bad.is_empty() {
            return Ok((Self::new(batch.clone(), places, columns)?, bad));
        }
        let (batch, places) = filtered(batch, &places, &BooleanArray::from(kept))?;
        Ok((Self::new(batch, places, columns)?, bad))
    }

    /// The same records, each a part of a text of `documents`, given by the number of that and the bytes.
    pub(crate) fn within(self, documents: &Self, parts: Vec<(usize, Range<usize>)>) -> Self {
        Self { whole: Some(Whole { documents: documents.texts.clone(), parts }), ..self }
    }

    /// The number of the document that record `row` is read within, its text, and the bytes of it that are the record.
    pub(crate) fn part(&self, row: usize) -> Option<(usize, &str, Range<usize>)> {
        let Whole { documents, parts } = self.whole.as_ref()?;
        let (document, span) = parts.get(row)?;
        (*document < documents.len()).then(|| (*document, documents.value(*document), span.clone()))
    }

    /// The records that are marked.
    pub(crate) fn filter(&self, kept: &BooleanArray) -> Result<Self, PipelineError> {
        let (batch, places) = filtered(&self.batch, &self.places, kept)?;
        Self::new(batch, places, self.columns)
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are no records; a reader never gives such a window.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of record `row`, or `None` past the end.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&str> {
        (row < self.texts.len()).then(|| self.texts.value(row))
    }

    /// The texts in order.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.texts.len()).map(|row| self.texts.value(row))
    }

    /// Where record `row` came from, or `None` past the end.
    #[must_use]
    pub fn place(&self, row: usize) -> Option<&Place> {
        self.places.get(row)
    }

    /// What to call record `row` in a message: `notes.txt:17`, or `id "abc" (data.jsonl:4)` where there is an id
    /// column.
    #[must_use]
    pub fn name(&self, row: usize) -> String {
        let Some(place) = self.places.get(row) else { return format!("record {row} of a window") };
        self.id_text(row).map_or_else(|| place.to_string(), |id| format!("id {id:?} ({place})"))
    }

    /// What chunks call the document of record `row`: its id where there is an id column, else its place.
    pub(crate) fn document(&self, row: usize) -> String {
        let place = || self.places.get(row).map_or_else(String::new, Place::to_string);
        self.id_text(row).unwrap_or_else(place)
    }

    /// All columns.
    #[must_use]
    pub const fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    fn id_text(&self, row: usize) -> Option<String> {
        let ids = self.batch.columns().get(self.columns.id?)?;
        let options = FormatOptions::default();
        Some(ArrayFormatter::try_new(ids, &options).ok()?.value(row).to_string())
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window")
            .field("rows", &self.len())
            .field("first", &self.places.first())
            .finish_non_exhaustive()
    }
}

fn filtered(
    batch: &RecordBatch,
    places: &[Place],
    kept: &BooleanArray,
) -> Result<(RecordBatch, Vec<Place>), PipelineError> {
    let file = places.last().map_or("", Place::file).to_owned();
    let places = places.iter().zip(kept.values()).filter(|(_, kept)| *kept).map(|(place, _)| place.clone());
    let places = places.collect();
    let batch = filter_record_batch(batch, kept)
        .map_err(|source| PipelineError::Assemble { path: label(&file).to_owned(), source })?;
    Ok((batch, places))
}

fn check_no_nulls(batch: &RecordBatch, places: &[Place], column: usize) -> Result<(), PipelineError> {
    // Logical nulls: in a dictionary a null can be a key, or a value that keys point at.
    let nulls = batch.column(column).logical_nulls();
    let null = nulls.and_then(|nulls| (0..nulls.len()).find(|&row| nulls.is_null(row)));
    match null.and_then(|row| places.get(row)) {
        Some(place) => Err(PipelineError::NullValue {
            place: place.clone(),
            column: batch.schema_ref().field(column).name().clone(),
        }),
        None => Ok(()),
    }
}

/// The texts behind one type. A cast to views shares the bytes of every other type of strings.
fn view(batch: &RecordBatch, column: usize) -> Result<StringViewArray, ArrowError> {
    Ok(arrow_cast::cast(batch.column(column), &DataType::Utf8View)?.as_string_view().clone())
}
