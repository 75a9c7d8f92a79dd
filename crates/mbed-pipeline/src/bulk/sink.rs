//! The output of a job: shards, dead letters, journal.

use std::collections::BTreeMap;

use arrow_array::BooleanArray;
use arrow_schema::SchemaRef;
use mbed_core::Embeddings;
use mbed_engine::{EngineError, Sink};
use sha2::{Digest, Sha256};

use super::dead::DeadLetters;
use super::dedup::{Failed, Vectors};
use super::disk::{Disk, put};
use super::error::JobError;
use super::folder::Paths;
use super::job::{JobOptions, OnError};
use super::journal::{Entry, Journal, Totals, Unit, hexadecimal};
use super::manifest::Manifest;
use super::meter::Meter;
use super::pause::Stopwatch;
use super::shard::ShardWriter;
use super::store::Patient;
use super::units::{Closing, Pace, Rest, UnitRows};
use crate::{Window, WriteOptions};

/// Commits units one after the other.
pub(super) struct UnitSink<'a> {
    pub(super) paths: &'a Paths,
    pub(super) disk: &'a dyn Disk,
    pub(super) store: Patient<'a>,
    pub(super) journal: Journal,
    pub(super) manifest: &'a Manifest,
    pub(super) schema: SchemaRef,
    pub(super) write: WriteOptions,
    pub(super) options: &'a JobOptions,
    pub(super) pace: Pace,
    pub(super) meter: Meter<'a>,
    pub(super) progress: Committed,
    pub(super) open: Option<OpenUnit>,
    pub(super) since: Stopwatch,
    /// Rows of the window that comes next which have no vector.
    pub(super) failed: Failed,
    pub(super) vectors: Vectors,
}

/// What is committed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Committed {
    /// The number of the next unit.
    pub(super) number: u64,
    /// All of it, by earlier runs too.
    pub(super) totals: Totals,
    /// Rows of this run that have the vector of another one with the same text.
    pub(super) repeated: u64,
}

/// The unit that is being written.
pub(super) struct OpenUnit {
    shard: ShardWriter,
    dead: DeadLetters,
    totals: Totals,
    repeated: u64,
}

impl UnitSink<'_> {
    fn begin(&self) -> Result<OpenUnit, JobError> {
        let Manifest { job, output, .. } = self.manifest;
        let form = (SchemaRef::clone(&self.schema), &self.write);
        let shard = ShardWriter::new(output, form, (job, self.progress.number))?;
        Ok(OpenUnit { shard, dead: DeadLetters::default(), totals: Totals::default(), repeated: 0 })
    }

    /// Adds rows to the open unit, those that have no good vector to its dead letters.
    fn add(&mut self, rows: &UnitRows, computed: &Embeddings) -> Result<(), JobError> {
        let unit = match self.open.take() {
            Some(unit) => unit,
            None => self.begin()?,
        };
        let failed = std::mem::take(&mut self.failed);
        let expanded = rows.origins.as_ref().map(|origins| self.vectors.expand(origins, computed, &failed));
        let (vectors, failed) = match &expanded {
            Some((vectors, failed)) => (vectors, failed),
            None => (computed, &failed),
        };
        let unit = self.open.insert(unit);
        for record in &rows.bad {
            unit.dead.add(&record.place.to_string(), &record.reason);
        }
        let reasons = reasons(&rows.window, vectors, failed, &unit.shard, self.options.on_error)?;
        if reasons.is_empty() {
            unit.shard.write(&rows.window, vectors)?;
        } else {
            for (row, reason) in &reasons {
                unit.dead.add(&rows.window.name(*row), reason);
            }
            let good = (0..rows.window.len()).map(|row| !reasons.contains_key(&row)).collect();
            let (window, vectors) = keep(&rows.window, vectors, good)?;
            unit.shard.write(&window, &vectors)?;
        }
        unit.repeated += rows.repeated();
        unit.totals.records += rows.records;
        unit.totals.rows += (rows.window.len() + rows.bad.len()) as u64;
        unit.totals.written = unit.shard.rows;
        unit.totals.dead = unit.dead.count;
        self.check_errors()
    }

    fn check_errors(&self) -> Result<(), JobError> {
        let dead = self.progress.totals.dead + self.open.as_ref().map_or(0, |unit| unit.totals.dead);
        match self.options.max_errors {
            Some(most) if dead > most => Err(JobError::TooManyErrors { dead, most }),
            _ => Ok(()),
        }
    }

    /// Commits the open unit: its shard, its dead letters, and last its line in the journal.
    fn commit(&mut self, closing: Closing) -> Result<(), JobError> {
        let Some(OpenUnit { shard, dead, totals, repeated }) = self.open.take() else { return Ok(()) };
        let Closing { input_sha256, behind } = closing;
        let number = self.progress.number;
        let mut unit = Unit { number, totals, input_sha256, behind, ..Unit::default() };
        if totals.written > 0 {
            let bytes = shard.finish()?;
            unit.shard_bytes = Some(bytes.len() as u64);
            unit.shard_sha256 = Some(hexadecimal(&Sha256::digest(&bytes)));
            self.store.put(number, &bytes)?;
        }
        if dead.count > 0 {
            let path = self.paths.dead(number);
            put(self.disk, &path, dead.lines().as_bytes())
                .map_err(|source| JobError::Write { path, source })?;
        }
        unit.seconds = self.since.elapsed().as_secs_f64();
        let seconds = unit.seconds;
        self.journal.add(self.disk, &Entry::Unit(unit))?;
        self.pace.measured(totals.records, seconds);
        self.since.restart();
        self.progress.number += 1;
        self.progress.totals.add(&totals);
        self.progress.repeated += repeated;
        self.meter.unit(&totals, &self.progress.totals);
        Ok(())
    }

    /// Commits what is left, and enters the end where all `records` are done.
    ///
    /// # Errors
    /// Writing fails, or the input has ended before that.
    pub(super) fn finish(mut self, rest: Rest, records: u64) -> Result<(Committed, Done), JobError> {
        self.commit(rest.closing.unwrap_or_default())?;
        let got = self.progress.totals.records;
        if got == records {
            self.journal.add(self.disk, &Entry::Done(self.progress.totals))?;
            return Ok((self.progress, Done::All));
        }
        if rest.has_ended {
            return Err(JobError::InputChanged { expected: records, got });
        }
        Ok((self.progress, Done::Some))
    }
}

/// Whether a job is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    All,
    Some,
}

/// The rows that cannot be written, with the reason; the first of them as an error where that ends the run.
fn reasons(
    window: &Window,
    vectors: &Embeddings,
    failed: &Failed,
    shard: &ShardWriter,
    on_error: OnError,
) -> Result<BTreeMap<usize, String>, JobError> {
    let mut reasons: BTreeMap<usize, String> = failed.iter().cloned().collect();
    for (row, reason) in shard.refusals(window) {
        if on_error == OnError::Fail {
            return Err(JobError::Refused { row: window.name(row), reason });
        }
        reasons.entry(row).or_insert(reason);
    }
    for (row, vector) in vectors.iter().enumerate() {
        if vector.iter().all(|value| value.is_finite()) {
            continue;
        }
        if on_error == OnError::Fail {
            return Err(JobError::NotFinite { row: window.name(row) });
        }
        reasons.entry(row).or_insert_with(|| "its vector has a value that is not finite".to_owned());
    }
    Ok(reasons)
}

fn keep(window: &Window, vectors: &Embeddings, good: Vec<bool>) -> Result<(Window, Embeddings), JobError> {
    let mut kept = Embeddings::new();
    kept.reset(good.iter().filter(|good| **good).count(), vectors.dimensions());
    let rows = vectors.iter().zip(&good).filter(|(_, good)| **good);
    for (index, (vector, _)) in rows.enumerate() {
        if let Some(place) = kept.get_mut(index) {
            place.copy_from_slice(vector);
        }
    }
    Ok((window.filter(&BooleanArray::from(good))?, kept))
}

/// An error with its causes, in one line.
fn told(error: &EngineError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words += &format!(": {error}");
        cause = error.source();
    }
    words
}

impl Sink for UnitSink<'_> {
    type Rows = UnitRows;
    type Error = JobError;

    fn row_failed(&mut self, _rows: &UnitRows, row: usize, error: EngineError) -> Result<(), EngineError> {
        if self.options.on_error == OnError::Fail {
            return Err(error);
        }
        self.failed.push((row, told(&error)));
        Ok(())
    }

    fn write(&mut self, rows: &UnitRows, vectors: &Embeddings) -> Result<(), JobError> {
        self.add(rows, vectors)?;
        match &rows.closes {
            Some(closing) => self.commit(closing.clone()),
            None => Ok(()),
        }
    }
}
