//! The records of JSONL files.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Schema, SchemaRef};

use super::column::{Builder, Fault, Keys, Misfit};
use super::kind::{Kind, describe};
use super::object::Object;
use crate::columns::{Columns, TEXT};
use crate::place::label;
use crate::plan::InputFile;
use crate::read::TextFiles;
use crate::read::limits::Limits;
use crate::read::lines::{Line, Lines, Next};
use crate::read::reader::{BadRecord, BadRecords, Bookmark, ReadOptions, Records};
use crate::{InputPlan, PipelineError, Place};

/// Records whose columns are all keys that there are.
pub(crate) struct JsonRecords {
    lines: JsonLines,
    keys: Keys,
    schema: SchemaRef,
    /// The number of the text column.
    text: usize,
    total: Option<u64>,
    bad_records: BadRecords,
}

impl JsonRecords {
    /// Finds the types of all keys: in all files, or in the first window of what can be read only once.
    pub(crate) fn open(
        plan: &InputPlan,
        options: &ReadOptions,
        limits: Limits,
    ) -> Result<Self, PipelineError> {
        let mut lines = JsonLines::new(plan, options);
        // Where bad records are put aside, a text that is no string is one.
        let text = options.text_column.as_deref().unwrap_or(TEXT);
        let mut keys = Keys::new((options.bad_records == BadRecords::Collect).then_some(text));
        let mut unread = 0;
        let regular = plan.files().iter().all(InputFile::is_regular);
        if let Some(known) = &options.known {
            keys = Keys::of_known(&known.keys);
            unread = known.records;
        } else if regular {
            let mut bad = 0;
            while let Some(line) = lines.next_line()? {
                match keys.learn(&line) {
                    Err(error @ PipelineError::BadJson { .. }) => {
                        lines.lines.rejected.add(line.place, error)?
                    }
                    learnt => learnt?,
                }
                bad += lines.lines.rejected.take().len() as u64;
            }
            unread = bad + lines.lines.rejected.take().len() as u64;
            lines = JsonLines::new(plan, options);
        } else {
            lines.read_ahead(limits)?;
            lines.ahead.iter().try_for_each(|line| keys.learn(line))?;
        }
        let total = regular.then_some(keys.rows() + unread);
        if keys.rows() == 0 && options.known.is_none() {
            keys = Keys::of_nothing(
                options.text_column.as_deref().unwrap_or(TEXT),
                options.id_column.as_deref(),
            );
        }
        let schema = Arc::new(keys.schema());
        let text = find_text(&keys, &schema, options)?;
        Ok(Self { lines, keys, schema, text, total, bad_records: options.bad_records })
    }

    /// Adds one record to the columns.
    fn push(&self, builders: &mut [Builder], line: &Line) -> Result<(), PipelineError> {
        let object = Object::parse(line)?;
        let mut values = vec![None; builders.len()];
        for (key, raw) in &object.0 {
            let value = self.keys.index(key).and_then(|index| values.get_mut(index));
            // Of a key that is there twice the last value counts, as is the custom.
            *value.ok_or_else(|| unexpected(line, key, "absent", raw))? = Some(*raw);
        }
        let text = values.get(self.text).copied().flatten();
        let kind = text.map_or(Kind::Null, Kind::of);
        // A text that is missing is told of later, with those of all other formats.
        if kind != Kind::Text && (kind != Kind::Null || self.bad_records == BadRecords::Fail) {
            return Err(PipelineError::TextNotString {
                place: line.place.clone(),
                column: self.schema.field(self.text).name().clone(),
                got: text.map_or("missing", describe),
                keys: object.keys(),
            });
        }
        for ((builder, value), field) in builders.iter_mut().zip(values).zip(self.schema.fields()) {
            if let Err(Misfit) = builder.push(value) {
                return Err(unexpected(line, field.name(), builder.describe(), value.unwrap_or_default()));
            }
        }
        Ok(())
    }
}

impl Records for JsonRecords {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn total_rows(&self) -> Option<u64> {
        self.total
    }

    fn skipped_rows(&self) -> u64 {
        self.lines.lines.skipped()
    }

    fn known_keys(&self) -> Vec<(String, String)> {
        self.keys.known()
    }

    fn bookmark(&self) -> Option<Bookmark> {
        self.lines.lines.bookmark().filter(|_| self.lines.ahead.is_empty())
    }

    fn seek(&mut self, to: &Bookmark) -> Result<(), PipelineError> {
        self.lines.lines.seek(to)
    }

    fn take_bad(&mut self) -> Vec<BadRecord> {
        self.lines.lines.rejected.take()
    }

    fn next_records(&mut self, limits: Limits) -> Result<Option<(RecordBatch, Vec<Place>)>, PipelineError> {
        let mut builders = self.keys.builders();
        let mut places: Vec<Place> = Vec::new();
        let mut bytes = 0;
        // A key takes up room in records that do not have it, too.
        let least = builders.len() * size_of::<u64>();
        while !limits.reached(places.len() + self.lines.lines.rejected.len(), bytes) {
            let line = match self.lines.advance()? {
                Some(Next::Line(line)) => line,
                Some(Next::Bad) => continue,
                None => break,
            };
            match self.push(&mut builders, &line) {
                Err(error @ (PipelineError::BadJson { .. } | PipelineError::TextNotString { .. })) => {
                    self.lines.lines.rejected.add(line.place, error)?;
                    continue;
                }
                pushed => pushed?,
            }
            bytes += line.text.len().max(least);
            places.push(line.place);
        }
        if places.len() + self.lines.lines.rejected.len() == 0 {
            return Ok(None);
        }
        let file = places.last().map_or("", Place::file).to_owned();
        let columns: Vec<ArrayRef> = builders.into_iter().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|source| PipelineError::Assemble { path: label(&file).to_owned(), source })?;
        Ok(Some((batch, places)))
    }
}

/// Lines that are not blank.
struct JsonLines {
    /// Lines that were read before they were asked for.
    ahead: VecDeque<Line>,
    lines: Lines,
}

impl JsonLines {
    fn new(plan: &InputPlan, options: &ReadOptions) -> Self {
        let lines = Lines::new(plan.files(), options, TextFiles::Lines);
        Self { ahead: VecDeque::new(), lines }
    }

    fn next_line(&mut self) -> Result<Option<Line>, PipelineError> {
        loop {
            match self.advance()? {
                Some(Next::Line(line)) => return Ok(Some(line)),
                Some(Next::Bad) => {}
                None => return Ok(None),
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Next>, PipelineError> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(Next::Line(line)));
        }
        loop {
            match self.lines.advance()? {
                Some(Next::Line(line)) if line.text.trim_ascii().is_empty() => {}
                next => return Ok(next),
            }
        }
    }

    /// Reads one window of lines ahead.
    fn read_ahead(&mut self, limits: Limits) -> Result<(), PipelineError> {
        let mut ahead = VecDeque::new();
        let mut bytes = 0;
        while !limits.reached(ahead.len(), bytes) {
            let Some(line) = self.next_line()? else { break };
            bytes += line.text.len();
            ahead.push_back(line);
        }
        self.ahead = ahead;
        Ok(())
    }
}

/// The number of the text column, which must be a string in every record that was seen.
fn find_text(keys: &Keys, schema: &Schema, options: &ReadOptions) -> Result<usize, PipelineError> {
    // Of strings and nulls the column is one of strings.
    let has_strings = |index| Columns::is_text(schema.field(index));
    let collects = options.bad_records == BadRecords::Collect;
    let check = |index| match keys.fault(index) {
        Some(Fault { place, got }) if !collects || !has_strings(index) => Err(PipelineError::TextNotString {
            place: place.clone(),
            column: schema.field(index).name().clone(),
            got,
            keys: keys.names(),
        }),
        _ => Ok(index),
    };
    // First the column that is meant by name, because of any other type it would only be told what it is not.
    let named = options.text_column.as_deref().unwrap_or(TEXT);
    keys.index(named).map_or(Ok(0), check)?;
    check(Columns::choose(schema, options.text_column.as_deref(), None)?.text)
}

fn unexpected(line: &Line, key: &str, expected: &'static str, raw: &str) -> PipelineError {
    PipelineError::UnexpectedValue {
        place: line.place.clone(),
        key: key.to_owned(),
        expected,
        got: describe(raw),
    }
}
