//! The output of a job: shards, dead letters, journal.

use std::time::Instant;

use arrow_array::BooleanArray;
use arrow_schema::SchemaRef;
use mbed_core::Embeddings;
use mbed_engine::Sink;
use sha2::{Digest, Sha256};

use super::dead::DeadLetters;
use super::disk::{Disk, put};
use super::error::JobError;
use super::folder::Paths;
use super::job::{JobOptions, OnError};
use super::journal::{Entry, Journal, Totals, Unit, hexadecimal};
use super::meter::Meter;
use super::shard::ShardWriter;
use super::units::{Pace, Rest, UnitRows};
use crate::{Window, WriteOptions};

/// Commits units one after the other.
pub(super) struct UnitSink<'a> {
    pub(super) paths: &'a Paths,
    pub(super) disk: &'a dyn Disk,
    pub(super) journal: Journal,
    pub(super) schema: SchemaRef,
    pub(super) write: WriteOptions,
    pub(super) options: &'a JobOptions,
    pub(super) pace: Pace,
    pub(super) meter: Meter<'a>,
    /// The number of the next unit.
    pub(super) number: u64,
    /// All that is committed, by earlier runs too.
    pub(super) totals: Totals,
    pub(super) open: Option<OpenUnit>,
    pub(super) since: Instant,
}

/// The unit that is being written.
pub(super) struct OpenUnit {
    shard: ShardWriter,
    dead: DeadLetters,
    totals: Totals,
}

impl UnitSink<'_> {
    /// Adds rows to the open unit, those that have no good vector to its dead letters.
    fn add(&mut self, rows: &UnitRows, vectors: &Embeddings) -> Result<(), JobError> {
        let unit = match self.open.take() {
            Some(unit) => unit,
            None => OpenUnit {
                shard: ShardWriter::new(SchemaRef::clone(&self.schema), &self.write)?,
                dead: DeadLetters::default(),
                totals: Totals::default(),
            },
        };
        let unit = self.open.insert(unit);
        for record in &rows.bad {
            unit.dead.add(&record.place.to_string(), &record.reason);
        }
        let good: Vec<bool> =
            vectors.iter().map(|vector| vector.iter().all(|value| value.is_finite())).collect();
        if good.iter().all(|good| *good) {
            unit.shard.write(&rows.window, vectors)?;
        } else {
            for (row, _) in good.iter().enumerate().filter(|(_, good)| !**good) {
                let name = rows.window.name(row);
                if self.options.on_error == OnError::Fail {
                    return Err(JobError::NotFinite { row: name });
                }
                unit.dead.add(&name, "its vector has a value that is not finite");
            }
            let (window, vectors) = keep(&rows.window, vectors, good)?;
            unit.shard.write(&window, &vectors)?;
        }
        unit.totals.records += rows.records;
        unit.totals.rows += (rows.window.len() + rows.bad.len()) as u64;
        unit.totals.written = unit.shard.rows;
        unit.totals.dead = unit.dead.count;
        self.check_errors()
    }

    fn check_errors(&self) -> Result<(), JobError> {
        let dead = self.totals.dead + self.open.as_ref().map_or(0, |unit| unit.totals.dead);
        match self.options.max_errors {
            Some(most) if dead > most => Err(JobError::TooManyErrors { dead, most }),
            _ => Ok(()),
        }
    }

    /// Commits the open unit: its shard, its dead letters, and last its line in the journal.
    fn commit(&mut self, input_sha256: String) -> Result<(), JobError> {
        let Some(OpenUnit { shard, dead, totals }) = self.open.take() else { return Ok(()) };
        let mut unit = Unit { number: self.number, totals, input_sha256, ..Unit::default() };
        if totals.written > 0 {
            let bytes = shard.finish()?;
            unit.shard_bytes = Some(bytes.len() as u64);
            unit.shard_sha256 = Some(hexadecimal(&Sha256::digest(&bytes)));
            self.put(self.paths.shard(self.number), &bytes)?;
        }
        if dead.count > 0 {
            self.put(self.paths.dead(self.number), dead.lines().as_bytes())?;
        }
        unit.seconds = self.since.elapsed().as_secs_f64();
        let seconds = unit.seconds;
        self.journal.add(self.disk, &Entry::Unit(unit))?;
        self.pace.measured(totals.records, seconds);
        self.since = Instant::now();
        self.number += 1;
        self.totals.add(&totals);
        self.meter.unit(&totals, &self.totals);
        Ok(())
    }

    fn put(&self, path: std::path::PathBuf, bytes: &[u8]) -> Result<(), JobError> {
        put(self.disk, &path, bytes).map_err(|source| JobError::Write { path, source })
    }

    /// Commits what is left, and enters the end where all `records` are done.
    ///
    /// # Errors
    /// Writing fails, or the input has ended before that.
    pub(super) fn finish(mut self, rest: Rest, records: u64) -> Result<(Totals, Done), JobError> {
        self.commit(rest.digest.unwrap_or_default())?;
        let got = self.totals.records;
        if got == records {
            self.journal.add(self.disk, &Entry::Done(self.totals))?;
            return Ok((self.totals, Done::All));
        }
        if rest.has_ended {
            return Err(JobError::InputChanged { expected: records, got });
        }
        Ok((self.totals, Done::Some))
    }
}

/// Whether a job is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    All,
    Some,
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

impl Sink for UnitSink<'_> {
    type Rows = UnitRows;
    type Error = JobError;

    fn write(&mut self, rows: &UnitRows, vectors: &Embeddings) -> Result<(), JobError> {
        self.add(rows, vectors)?;
        match &rows.closes {
            Some(digest) => self.commit(digest.clone()),
            None => Ok(()),
        }
    }
}
