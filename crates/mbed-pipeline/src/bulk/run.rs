//! A job's way through the engine.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use arrow_schema::SchemaRef;
use mbed_core::Progress;
use mbed_engine::{Cancel, Engine, RunError};
use mbed_text::chunk::Chunker;

use super::error::JobError;
use super::job::ReadyJob;
use super::journal::Totals;
use super::manifest::{Identity, Shape, compare, inputs};
use super::meter::{JobWatch, Meter, Tokens};
use super::sink::{Done, UnitSink};
use super::units::{Bounds, Pace, Units};
use crate::chunked::Cutter;
use crate::{Reader, Windows as _, WriteOptions};

/// What a run did.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct JobReport {
    /// All that is committed, by earlier runs too.
    pub totals: Totals,
    /// What this run did of that.
    pub this_run: Totals,
    /// Whether all is done.
    pub is_finished: bool,
    /// Tokens that this run computed.
    pub tokens: u64,
    /// From the first read to the last commit.
    pub elapsed: Duration,
}

/// Who hears of a run, and who may end it.
#[derive(Clone, Copy)]
pub struct Watchers<'a> {
    /// Hears of rows as they are computed.
    pub progress: &'a dyn Progress,
    /// Hears of units as they are committed.
    pub watch: &'a dyn JobWatch,
    /// Ends the run in good order: what was read is committed.
    pub stop: &'a Cancel,
}

impl std::fmt::Debug for Watchers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watchers").field("stop", self.stop).finish_non_exhaustive()
    }
}

impl ReadyJob {
    /// How many records are committed.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.entries.totals().records
    }

    /// Embeds what is left, with the chunks of documents where there is a chunker. `became` is what `asked` became with
    /// the model that is open.
    ///
    /// # Errors
    /// The model became another one than before ([`JobError::OtherJob`]), or reading, computing or writing fails. What
    /// was committed stays.
    pub fn run(
        mut self,
        engine: &mut Engine,
        became: Identity,
        chunker: Option<Arc<dyn Chunker>>,
        watchers: Watchers<'_>,
    ) -> Result<JobReport, JobError> {
        let start = Instant::now();
        self.folder.clean(&self.entries.units)?;
        let mut reader = Reader::open(&self.inputs, &self.read)?;
        let all = match reader.total_rows() {
            Some(all) => all,
            None => self.count()?,
        };
        let (first, end) = self.options.shard.range(all);
        let records = end - first;
        let cutter = chunker.map(|chunker| Cutter::new(&reader, chunker)).transpose()?;
        self.agree(engine.dimensions(), became, &reader, (first, records))?;
        let before = self.entries.totals();
        reader.skip(first + before.records)?;
        let schema = cutter.as_ref().map_or_else(|| reader.schema(), |cutter| Arc::clone(cutter.schema()));
        let tokens = Tokens { next: watchers.progress, count: AtomicU64::new(0) };
        let bounds = Bounds {
            left: (records - before.records.min(records)).min(self.options.max_records.unwrap_or(u64::MAX)),
            until: self.options.max_time.map(|time| start + time),
            stop: watchers.stop.clone(),
        };
        let meter = Meter::new(watchers.watch, &tokens, Some(records));
        let pace = Pace::new(engine.dimensions());
        let mut sink = self.sink(engine.dimensions(), schema, meter, pace.clone())?;
        let fixed = self.options.unit_records.map(std::num::NonZeroUsize::get);
        let mut units = Units::new(reader, cutter, bounds, (pace, fixed));
        engine.run(&mut units, &mut sink, &tokens, &Cancel::new()).map_err(explain)?;
        self.check_inputs()?;
        let (totals, done) = sink.finish(units.rest(), records)?;
        Ok(JobReport {
            totals,
            this_run: totals.since(&before),
            is_finished: done == Done::All,
            tokens: tokens.count(),
            elapsed: start.elapsed(),
        })
    }

    /// Makes sure that no input has changed since the job began.
    fn check_inputs(&self) -> Result<(), JobError> {
        let differences = self.manifest.differences(&self.manifest.asked, &inputs(&self.inputs)?);
        if differences.is_empty() {
            return Ok(());
        }
        Err(JobError::OtherJob { folder: self.folder.paths().0.clone(), differences })
    }

    /// Counts the records of inputs that do not tell.
    fn count(&self) -> Result<u64, JobError> {
        let mut reader = Reader::open(&self.inputs, &self.read)?;
        while reader.next_part(usize::MAX)?.is_some() {}
        Ok(reader.read_rows())
    }

    fn sink<'a>(
        &'a self,
        dimensions: usize,
        schema: SchemaRef,
        meter: Meter<'a>,
        pace: Pace,
    ) -> Result<UnitSink<'a>, JobError> {
        let paths = self.folder.paths();
        let write = WriteOptions::new(dimensions)
            .with_vector_column(&self.options.vector_column)
            .with_vectors(self.options.vectors);
        Ok(UnitSink {
            paths,
            disk: self.disk.as_ref(),
            journal: self.entries.journal(paths.journal())?,
            schema,
            write,
            options: &self.options,
            pace,
            meter,
            number: self.entries.units.len() as u64,
            totals: self.entries.totals(),
            open: None,
            since: Instant::now(),
        })
    }

    /// Writes the manifest of a new job, or makes sure that this is the job of the manifest.
    fn agree(
        &mut self,
        dimensions: usize,
        became: Identity,
        reader: &Reader,
        (first, records): (u64, u64),
    ) -> Result<(), JobError> {
        let schema = reader.schema();
        let output = Shape {
            text_column: schema.field(reader.columns().text).name().clone(),
            vector_column: self.options.vector_column.clone(),
            vectors: self.options.vectors.to_string(),
            dimensions,
        };
        let path = self.folder.paths().manifest();
        if path.exists() {
            let mut differences = compare(&self.manifest.became, &became);
            if self.manifest.records != Some(records) {
                differences.push(format!("the input has {records} records now"));
            }
            if self.manifest.output != output {
                differences.push(format!("vectors have {dimensions} dimensions"));
            }
            if differences.is_empty() {
                return Ok(());
            }
            let folder = self.folder.paths().0.clone();
            return Err(JobError::OtherJob { folder, differences });
        }
        (self.manifest.became, self.manifest.output) = (became, output);
        (self.manifest.records, self.manifest.first) = (Some(records), first);
        self.manifest.write(self.disk.as_ref(), &path)
    }
}

fn explain(error: RunError<JobError, JobError>) -> JobError {
    match error {
        RunError::Read(error) | RunError::Write(error) => error,
        RunError::Engine(error) => error.into(),
    }
}
