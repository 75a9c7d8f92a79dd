//! A job on the fake backend, in this process or in one that may be killed.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mbed_core::settings::{BatchingSettings, Overflow};
use mbed_core::{Backend as _, OpenRequest, Silent};
use mbed_engine::{Cancel, Engine, EngineOptions, Finish};
use mbed_pipeline::bulk::{
    self, Begun, Check, Disk, Identity, Job, JobError, JobReport, Keep, LocalDisk, OnError, Pause, Unwatched,
    Watchers,
};
use mbed_pipeline::{OutputFormat, ParquetOptions, ReadOptions, Target, plan_inputs};
use mbed_tests::fake::{self, FakeBackend, FakeOptions};

use crate::disks::{BadDisk, Strike, When};

/// The most tokens of a text here.
const MAX_TOKENS: usize = 16;

/// Records of a unit, and how long a batch takes.
#[derive(Clone, Copy)]
pub(crate) struct Gait {
    pub(crate) unit: usize,
    pub(crate) delay_ms: u64,
}

/// What is to be done.
#[derive(Clone)]
pub(crate) struct Task<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) input: &'a Path,
    pub(crate) keep: Keep,
    pub(crate) patience: Duration,
    /// Changes what else there is to change.
    pub(crate) change: &'a dyn Fn(&mut Job),
    pub(crate) overflow: Overflow,
}

impl<'a> Task<'a> {
    /// A job whose rows are in its folder.
    pub(crate) fn new(folder: &'a Path, input: &'a Path) -> Self {
        Self {
            folder,
            input,
            keep: Keep::Folder,
            patience: Duration::from_secs(60),
            change: &|_| {},
            overflow: Overflow::Truncate,
        }
    }
}

/// Works on the job until it is done or something fails. `None` where it was done before.
pub(crate) fn run(task: &Task<'_>, disk: Arc<dyn Disk>, gait: Gait) -> Result<Option<JobReport>, JobError> {
    let plan = plan_inputs(&[task.input.to_owned()], None)?;
    let mut job = Job::new(task.folder.to_owned(), plan, ReadOptions::default());
    job.options.on_error = OnError::Skip;
    job.options.unit_records = NonZeroUsize::new(gait.unit);
    job.options.keep = task.keep.clone();
    job.options.patience = task.patience;
    job.disk = disk;
    (task.change)(&mut job);
    let ready = match job.begin()? {
        Begun::Finished(_) => return Ok(None),
        Begun::Ready(ready) => ready,
    };
    let (stop, pause) = (Cancel::new(), Pause::new());
    let watchers = Watchers { progress: &Silent, watch: &Unwatched, stop: &stop, pause: &pause };
    ready.run(&mut engine(gait.delay_ms, task.overflow), Identity::new(), None, watchers).map(Some)
}

/// As [`run`], where texts that are too long are an error.
pub(crate) fn run_strictly(task: &Task<'_>) -> Result<Option<JobReport>, JobError> {
    let task = Task { overflow: Overflow::Error, ..task.clone() };
    run(&task, Arc::new(LocalDisk), Gait { unit: 16, delay_ms: 0 })
}

fn engine(delay_ms: u64, overflow: Overflow) -> Engine {
    let backend =
        FakeBackend::new(FakeOptions { delay: Duration::from_millis(delay_ms), ..FakeOptions::default() });
    let session = backend.open(OpenRequest::new(fake::source())).unwrap();
    let options = EngineOptions {
        batching: BatchingSettings::default(),
        max_retries: 3,
        threads: NonZeroUsize::MIN,
        overflow,
        finish: Finish::default(),
    };
    Engine::new(vec![session], fake::encoder(MAX_TOKENS), options).unwrap()
}

/// What a killed process is told: folder, input, where rows are kept and in which table, records of a unit, milliseconds of a
/// batch, and the step and the moment at which it dies.
pub(crate) fn work(words: &[String]) {
    if let [folder] = words {
        return merge(Path::new(folder));
    }
    let [folder, input, sink, table, unit, delay_ms, step, when] = words else { panic!("{words:?}") };
    let gait = Gait { unit: unit.parse().unwrap(), delay_ms: delay_ms.parse().unwrap() };
    let disk: Arc<dyn Disk> = match step.parse() {
        Ok(step) => Arc::new(BadDisk::new(step, When::parse(when), Strike::Kill)),
        Err(_) => Arc::new(LocalDisk),
    };
    let keep = Keep::parse(sink, Some(table.as_str()).filter(|table| !table.is_empty())).unwrap();
    let task = Task { keep, ..Task::new(Path::new(folder), Path::new(input)) };
    run(&task, disk, gait).unwrap();
}

/// Looks at everything of a finished job, and merges it into `merged.jsonl` in its folder.
fn merge(folder: &Path) {
    assert_eq!(bulk::verify(folder, &Check::default()).unwrap().faults, [""; 0]);
    let target = Target::File(folder.join("merged.jsonl"));
    bulk::merge(&[folder.to_owned()], target, (OutputFormat::Jsonl, ParquetOptions::default())).unwrap();
}

/// Starts a process that works on the job, and dies at the step where one is named.
pub(crate) fn start(task: &Task<'_>, gait: Gait, step: Option<(usize, When)>) -> Child {
    let input = task.input.to_string_lossy().into_owned();
    let places = [input, task.keep.identity(), task.keep.table().unwrap_or_default()];
    command(task.folder, places, gait, step).spawn().unwrap()
}

/// A process that works on a job whose input and rows are far away.
pub(crate) fn far(folder: &Path, input: &str, sink: &str, gait: Gait) -> Command {
    command(folder, [input, sink, ""].map(str::to_owned), gait, None)
}

/// A process that looks at everything of a finished job and merges it.
pub(crate) fn merging(folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("victim").arg(folder);
    command
}

fn command(folder: &Path, places: [String; 3], gait: Gait, step: Option<(usize, When)>) -> Command {
    let (step, when) =
        step.map_or(("never".to_owned(), When::Before), |(step, when)| (step.to_string(), when));
    let mut command = merging(folder);
    command
        .args(places)
        .args([gait.unit.to_string(), gait.delay_ms.to_string(), step, format!("{when:?}")])
        .stdout(Stdio::null());
    command
}
