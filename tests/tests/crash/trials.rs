//! Kills and errors, and what must come out in spite of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use mbed_pipeline::bulk::{self, Check, JobError, LocalDisk};
use mbed_pipeline::{OutputFormat, ParquetOptions, Target};

use crate::disks::{BadDisk, Strike, When};
use crate::victim::{self, Gait, Task};

/// Kills at random moments in the usual suite, and in the long trial.
const FEW: usize = 24;
const MANY: usize = 200;

/// More steps than any job here has.
pub(crate) const NEVER: usize = usize::MAX;

pub(crate) const SMALL: Gait = Gait { unit: 16, delay_ms: 0 };

pub(crate) fn all() -> Vec<Trial> {
    let trial = |name: &str, test: fn()| {
        let name = name.to_owned();
        Trial::test(name, move || {
            test();
            Ok::<(), Failed>(())
        })
    };
    vec![
        trial("kills_before_during_and_after_every_step", kills_at_every_step),
        trial("errors_before_during_and_after_every_step", errors_at_every_step),
        trial("kills_at_random_moments", || kills_at_random_moments(FEW)),
        trial("kills_at_200_random_moments", || kills_at_random_moments(MANY)).with_ignored_flag(true),
        trial("a_second_process_is_refused", a_second_process_is_refused),
        trial("an_input_that_grows_meanwhile_ends_the_run", an_input_that_grows_meanwhile_ends_the_run),
    ]
}

/// A folder with an input, and what an undisturbed run makes of it.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) input: PathBuf,
    pub(crate) expected: Outcome,
}

/// All that a finished job holds: rows with their vectors, and what was put aside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) rows: String,
    dead: String,
}

impl World {
    /// `records` texts of numbers, of which some are not JSON and others null.
    pub(crate) fn new(records: usize, gait: Gait) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("input.jsonl");
        let line = |record: usize| match record % 13 {
            5 => "{\"text\": \n".to_owned(),
            7 => format!("{{\"n\": {record}, \"text\": null}}\n"),
            _ => format!("{{\"n\": {record}, \"text\": \"{} {} 7\"}}\n", record % 1000, record / 1000),
        };
        fs::write(&input, (0..records).map(line).collect::<String>()).unwrap();
        let calm = folder.path().join("calm");
        let report = victim::run(&Task::new(&calm, &input), Arc::new(LocalDisk), gait).unwrap().unwrap();
        assert!(report.is_finished);
        assert_eq!(report.totals.records, records as u64);
        assert_eq!(report.totals.rows, report.totals.written + report.totals.dead);
        let expected = outcome(&calm);
        // Independent of the job: every good line has its row, every other one its letter.
        let bad = (0..records).filter(|record| [5, 7].contains(&(record % 13))).count();
        assert_eq!((expected.dead.lines().count(), expected.rows.lines().count()), (bad, records - bad));
        Self { folder, input, expected }
    }

    pub(crate) fn job(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Works on the job until it is done, and compares.
    fn finish(&self, job: &Path, gait: Gait, what: &str) {
        victim::run(&Task::new(job, &self.input), Arc::new(LocalDisk), gait).unwrap();
        assert!(
            victim::run(&Task::new(job, &self.input), Arc::new(LocalDisk), gait).unwrap().is_none(),
            "{what}"
        );
        assert!(outcome(job) == self.expected, "{what}: the result is another one");
    }
}

fn outcome(job: &Path) -> Outcome {
    let found = bulk::verify(job, &Check::default()).unwrap();
    assert_eq!(found.faults, [""; 0]);
    let merged = job.join("merged.jsonl");
    bulk::merge(
        &[job.to_owned()],
        Target::File(merged.clone()),
        (OutputFormat::Jsonl, ParquetOptions::default()),
    )
    .unwrap();
    let rows = fs::read_to_string(&merged).unwrap();
    fs::remove_file(merged).unwrap();
    let mut letters: Vec<PathBuf> =
        fs::read_dir(job.join("dead")).unwrap().map(|entry| entry.unwrap().path()).collect();
    letters.sort();
    let dead = letters.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    Outcome { rows, dead }
}

/// How many steps the job takes undisturbed.
fn steps(world: &World) -> usize {
    let disk = Arc::new(BadDisk::new(NEVER, When::Before, Strike::Error));
    victim::run(&Task::new(&world.job("counted"), &world.input), Arc::clone(&disk) as _, SMALL).unwrap();
    disk.steps()
}

fn kills_at_every_step() {
    let world = World::new(60, SMALL);
    let steps = steps(&world);
    assert!(steps > 40, "{steps}");
    for step in 0..steps {
        for when in When::ALL {
            let job = world.job(&format!("killed-{step}-{when:?}"));
            let killed =
                victim::start(&Task::new(&job, &world.input), SMALL, Some((step, when))).wait().unwrap();
            assert!(killed.code().is_none(), "it was not killed: {killed}");
            world.finish(&job, SMALL, &format!("killed {when:?} step {step}"));
        }
    }
}

fn errors_at_every_step() {
    let world = World::new(60, SMALL);
    for step in 0..steps(&world) {
        for when in When::ALL {
            let job = world.job(&format!("failed-{step}-{when:?}"));
            let disk = Arc::new(BadDisk::new(step, when, Strike::Error));
            let error = victim::run(&Task::new(&job, &world.input), disk, SMALL).unwrap_err();
            assert!(matches!(error, JobError::Write { .. }), "{error}");
            world.finish(&job, SMALL, &format!("failed {when:?} step {step}"));
        }
    }
}

/// Times that differ, and are the same in every run of a test.
pub(crate) fn moments() -> impl FnMut() -> Duration {
    // A linear congruential generator (Knuth, MMIX).
    let mut seed = 42_u64;
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(15 + (seed >> 33) % 120)
    }
}

fn kills_at_random_moments(count: usize) {
    let gait = Gait { unit: 8, delay_ms: 1 };
    let world = World::new(2000, gait);
    let (mut kills, mut round, mut wait) = (0, 0, moments());
    while kills < count {
        let job = world.job(&format!("random-{round}"));
        round += 1;
        loop {
            let mut child = victim::start(&Task::new(&job, &world.input), gait, None);
            thread::sleep(wait());
            // One that has ended by itself is done.
            if child.try_wait().unwrap().is_some() || kills == count {
                assert!(child.wait().unwrap().success());
                break;
            }
            child.kill().unwrap();
            kills += usize::from(child.wait().unwrap().code().is_none());
        }
        world.finish(&job, gait, &format!("after {kills} kills"));
    }
}

fn a_second_process_is_refused() {
    let gait = Gait { unit: 8, delay_ms: 20 };
    let world = World::new(200, gait);
    let job = world.job("shared");
    let mut first = victim::start(&Task::new(&job, &world.input), gait, None);
    while bulk::status(&job).is_err() {
        assert!(first.try_wait().unwrap().is_none());
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(bulk::status(&job).unwrap().state, bulk::JobState::Running);
    let error = victim::run(&Task::new(&job, &world.input), Arc::new(LocalDisk), gait).unwrap_err();
    assert!(matches!(error, JobError::Locked { .. }), "{error}");
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(bulk::status(&job).unwrap().state, bulk::JobState::Stopped);
    world.finish(&job, gait, "after the lock was left by a kill");
}

fn an_input_that_grows_meanwhile_ends_the_run() {
    let world = World::new(60, SMALL);
    let job = world.job("grown");
    let disk = Arc::new(BadDisk::new(9, When::After, Strike::Grow(world.input.clone())));
    let error = victim::run(&Task::new(&job, &world.input), disk, SMALL).unwrap_err();
    let JobError::OtherJob { differences, .. } = error else { panic!("{error}") };
    assert!(matches!(differences.as_slice(), [only] if only.contains("has changed")), "{differences:?}");
    assert_ne!(bulk::status(&job).unwrap().state, bulk::JobState::Finished);
}
