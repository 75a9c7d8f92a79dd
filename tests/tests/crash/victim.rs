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
    Begun, Disk, Identity, Job, JobError, JobReport, LocalDisk, OnError, Unwatched, Watchers,
};
use mbed_pipeline::{ReadOptions, plan_inputs};
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

/// Works on the job until it is done or something fails. `None` where it was done before.
pub(crate) fn run(
    folder: &Path,
    input: &Path,
    disk: Arc<dyn Disk>,
    gait: Gait,
) -> Result<Option<JobReport>, JobError> {
    let plan = plan_inputs(&[input.to_owned()], None).unwrap();
    let mut job = Job::new(folder.to_owned(), plan, ReadOptions::default());
    job.options.on_error = OnError::Skip;
    job.options.unit_records = NonZeroUsize::new(gait.unit);
    job.disk = disk;
    let ready = match job.begin()? {
        Begun::Finished(_) => return Ok(None),
        Begun::Ready(ready) => ready,
    };
    let stop = Cancel::new();
    let watchers = Watchers { progress: &Silent, watch: &Unwatched, stop: &stop };
    ready.run(&mut engine(gait.delay_ms), Identity::new(), None, watchers).map(Some)
}

fn engine(delay_ms: u64) -> Engine {
    let backend =
        FakeBackend::new(FakeOptions { delay: Duration::from_millis(delay_ms), ..FakeOptions::default() });
    let session = backend.open(OpenRequest::new(fake::source())).unwrap();
    let options = EngineOptions {
        batching: BatchingSettings::default(),
        max_retries: 3,
        threads: NonZeroUsize::MIN,
        overflow: Overflow::Truncate,
        finish: Finish::default(),
    };
    Engine::new(vec![session], fake::encoder(MAX_TOKENS), options).unwrap()
}

/// What a killed process is told: folder, input, records of a unit, milliseconds of a batch, and the step and the moment
/// at which it dies.
pub(crate) fn work(words: &[String]) {
    let [folder, input, unit, delay_ms, step, when] = words else { panic!("{words:?}") };
    let gait = Gait { unit: unit.parse().unwrap(), delay_ms: delay_ms.parse().unwrap() };
    let disk: Arc<dyn Disk> = match step.parse() {
        Ok(step) => Arc::new(BadDisk::new(step, When::parse(when), Strike::Kill)),
        Err(_) => Arc::new(LocalDisk),
    };
    run(Path::new(folder), Path::new(input), disk, gait).unwrap();
}

/// Starts a process that works on the job, and dies at the step where one is named.
pub(crate) fn start(folder: &Path, input: &Path, gait: Gait, step: Option<(usize, When)>) -> Child {
    let (step, when) =
        step.map_or(("never".to_owned(), When::Before), |(step, when)| (step.to_string(), when));
    Command::new(std::env::current_exe().unwrap())
        .arg("victim")
        .args([folder, input])
        .args([gait.unit.to_string(), gait.delay_ms.to_string(), step, format!("{when:?}")])
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
