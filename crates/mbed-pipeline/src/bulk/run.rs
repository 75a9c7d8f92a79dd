//! A job's way through the engine.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use arrow_schema::{Schema, SchemaRef};
use mbed_core::Progress;
use mbed_engine::{Cancel, Engine, RunError};
use mbed_text::chunk::Chunker;

use super::copy;
use super::dedup::{Failed, Repeats, Vectors};
use super::error::JobError;
use super::job::ReadyJob;
use super::journal::Totals;
use super::manifest::{Identity, Shape, compare, inputs};
use super::meter::{JobWatch, Meter, Tokens};
use super::pause::{Pause, Stopwatch};
use super::sink::{Committed, Done, UnitSink};
use super::store::Patient;
use super::units::{Bounds, Pace, Units};
use crate::chunked::Cutter;
use crate::{PipelineError, Reader, VectorType, Windows as _, WriteOptions};

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
    /// Rows of this run that have the vector of another row with the same text.
    pub repeated: u64,
    /// Tokens that this run computed.
    pub tokens: u64,
    /// From the first read to the last commit, without pauses.
    pub elapsed: Duration,
    /// How long sessions computed, all of them together.
    pub busy: Duration,
    /// How many sessions there are.
    pub sessions: usize,
}

impl JobReport {
    /// The part of the time, 0 to 1, in which sessions did not compute.
    #[must_use]
    pub fn idle_share(&self) -> f64 {
        let available = self.elapsed.as_secs_f64() * self.sessions as f64;
        if available > 0.0 { (1.0 - self.busy.as_secs_f64() / available).max(0.0) } else { 0.0 }
    }
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
    /// Lets the run wait.
    pub pause: &'a Pause,
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
        let (start, clock) = (Instant::now(), Stopwatch::start(watchers.pause));
        self.folder.clean(&self.entries.units, self.options.format)?;
        let mut reader = Reader::open(&self.inputs, &self.read)?;
        let all = match reader.total_rows() {
            Some(all) => all,
            None => self.count()?,
        };
        let (first, end) = self.options.shard.range(all);
        let records = end - first;
        let cutter = chunker.map(|chunker| Cutter::new(&reader, chunker)).transpose()?;
        let schema = cutter.as_ref().map_or_else(|| reader.schema(), |cutter| Arc::clone(cutter.schema()));
        let dimensions = engine.dimensions();
        self.agree(dimensions, became, &reader, (first, records, &schema))?;
        let before = self.entries.totals();
        self.go_to(&mut reader, first + before.records)?;
        let tokens = Tokens { next: watchers.progress, count: AtomicU64::new(0) };
        let bounds = Bounds {
            left: (records - before.records.min(records)).min(self.options.max_records.unwrap_or(u64::MAX)),
            until: self.options.max_time.map(|time| start + time),
            stop: watchers.stop.clone(),
            pause: watchers.pause.clone(),
        };
        let pace = Pace::new(dimensions, self.options.unit_records.map(NonZeroUsize::get));
        let meter = Meter::new(watchers.watch, &tokens, Some(records), watchers.pause);
        let mut sink = self.sink((schema, dimensions), meter, pace.clone(), watchers)?;
        let repeats = self
            .options
            .dedup
            .map(|bytes| Repeats::new(usize::try_from(bytes.get()).unwrap_or(usize::MAX), dimensions));
        let mut units = Units::new(reader, (cutter, repeats), bounds, pace);
        let stats = engine.run(&mut units, &mut sink, &tokens, &Cancel::new()).map_err(explain)?;
        self.check_inputs()?;
        let (committed, done) = sink.finish(units.rest(), records)?;
        Ok(JobReport {
            totals: committed.totals,
            this_run: committed.totals.since(&before),
            is_finished: done == Done::All,
            repeated: committed.repeated,
            tokens: tokens.count(),
            elapsed: clock.elapsed(),
            busy: stats.busy,
            sessions: stats.sessions,
        })
    }

    /// Goes to where earlier runs have come to: at once where the journal knows the place.
    fn go_to(&self, reader: &mut Reader, records: u64) -> Result<(), JobError> {
        match self.entries.units.last().and_then(|unit| unit.behind.as_ref()) {
            Some(behind) => Ok(reader.seek(behind)?),
            None => Ok(reader.skip(records)?),
        }
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
        (schema, dimensions): (SchemaRef, usize),
        meter: Meter<'a>,
        pace: Pace,
        watchers: Watchers<'a>,
    ) -> Result<UnitSink<'a>, JobError> {
        let (paths, disk, options) = (self.folder.paths(), self.disk.as_ref(), &self.options);
        let write = WriteOptions::new(dimensions)
            .with_vector_column(&options.vector_column)
            .with_vectors(options.vectors)
            .with_parquet(options.parquet);
        let number = self.entries.units.len() as u64;
        let mut store = Patient {
            store: options.keep.open((paths, disk), &self.manifest.job, &self.manifest.output),
            patience: options.patience,
            stop: watchers.stop,
            watch: watchers.watch,
        };
        store.forget(number)?;
        Ok(UnitSink {
            paths,
            disk,
            store,
            journal: self.entries.journal(paths.journal())?,
            manifest: &self.manifest,
            schema,
            write,
            options,
            pace,
            meter,
            progress: Committed { number, totals: self.entries.totals(), repeated: 0 },
            open: None,
            since: Stopwatch::start(watchers.pause),
            failed: Failed::new(),
            vectors: Vectors::default(),
        })
    }

    /// How shards look.
    fn shape(&self, dimensions: usize, reader: &Reader, schema: &Schema) -> Result<Shape, JobError> {
        let options = &self.options;
        let table_name = options.keep.table();
        let table = table_name.as_ref().map_or_else(Vec::new, |_| copy::columns(schema));
        if table_name.is_some() && options.vectors != VectorType::Float32 {
            let reason = format!("pgvector holds vectors as f32, not as {}", options.vectors);
            return Err(JobError::BadSink { url: options.keep.identity(), reason });
        }
        let mut own = copy::OWN.into_iter().chain([options.vector_column.as_str()]);
        if let Some(column) = own.find(|name| table.iter().any(|column| column.name == *name)) {
            return Err(PipelineError::ColumnTaken { column: column.to_owned() }.into());
        }
        Ok(Shape {
            text_column: reader.schema().field(reader.columns().text).name().clone(),
            vector_column: options.vector_column.clone(),
            vectors: options.vectors.to_string(),
            dimensions,
            format: options.format.to_string(),
            keep: options.keep.identity(),
            table_name,
            table,
        })
    }

    /// Writes the manifest of a new job, or makes sure that this is the job of the manifest.
    fn agree(
        &mut self,
        dimensions: usize,
        became: Identity,
        reader: &Reader,
        (first, records, schema): (u64, u64, &Schema),
    ) -> Result<(), JobError> {
        let output = self.shape(dimensions, reader, schema)?;
        let path = self.folder.paths().manifest();
        if path.exists() {
            let mut differences = compare(&self.manifest.became, &became);
            if self.manifest.records != Some(records) {
                differences.push(format!("the input has {records} records now"));
            }
            if self.manifest.output != output {
                differences.push("the columns are other ones, or vectors have other dimensions".to_owned());
            }
            if differences.is_empty() {
                return Ok(());
            }
            let folder = self.folder.paths().0.clone();
            return Err(JobError::OtherJob { folder, differences });
        }
        (self.manifest.became, self.manifest.output) = (became, output);
        (self.manifest.records, self.manifest.first) = (Some(records), first);
        self.manifest.known = reader.known();
        self.manifest.write(self.disk.as_ref(), &path)
    }
}

fn explain(error: RunError<JobError, JobError>) -> JobError {
    match error {
        RunError::Read(error) | RunError::Write(error) => error,
        RunError::Engine(error) => error.into(),
    }
}
