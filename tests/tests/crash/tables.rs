//! Rows in a table of a PostgreSQL that goes away, and of processes that do.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use mbed_pipeline::bulk::{self, Check, JobError, Keep, LocalDisk};
use mbed_tests::required;
use serde_json::{Value, json};

use crate::disks::{BadDisk, Strike, When};
use crate::server::{Programs, Server};
use crate::trials::{NEVER, SMALL, World, moments};
use crate::victim::{self, Gait, Task};

const SLOW: Gait = Gait { unit: 8, delay_ms: 1 };

/// The table that rows go into.
const TABLE: &str = "vectors";

/// Kills at random moments.
const KILLS: usize = 24;

/// What is tried with a server of its own.
type Test = fn(&Server);

/// All trials, ignored where this machine has no PostgreSQL.
pub(crate) fn all() -> Vec<Trial> {
    let tests: [(&str, Test); 6] = [
        ("rows_are_what_files_hold", rows_are_what_files_hold),
        ("kills_before_during_and_after_every_step", kills_at_every_step),
        ("kills_at_random_moments", kills_at_random_moments),
        ("the_server_restarts_while_a_job_runs", the_server_restarts_while_a_job_runs),
        ("a_server_that_stays_away_ends_the_run", a_server_that_stays_away_ends_the_run),
        ("what_a_table_cannot_hold_is_put_aside", what_a_table_cannot_hold_is_put_aside),
    ];
    let programs = Programs::find();
    let trial = |(name, test): (&str, Test)| {
        let programs = programs.clone();
        let run = move || {
            test(&Server::start(&programs.map_err(Failed::from)?));
            Ok(())
        };
        Trial::test(format!("postgres/{name}"), run)
    };
    let trials = tests.into_iter().map(trial);
    if programs.is_ok() {
        return trials.collect();
    }
    let is_ignored = !required("python-pgserver");
    trials.map(|trial| trial.with_kind("needs Python with pgserver").with_ignored_flag(is_ignored)).collect()
}

/// A job whose rows go into the table.
fn task<'a>(world: &'a World, job: &'a Path, server: &Server) -> Task<'a> {
    let keep = Keep::parse(&server.url(), Some(TABLE)).unwrap();
    Task { keep, ..Task::new(job, &world.input) }
}

/// The rows of the table, as the files of an undisturbed run have them.
fn rows(server: &Server, job: &Path) -> String {
    let job = job_id(job);
    let select = "SELECT n, text, embedding::text, mbed_unit FROM vectors WHERE mbed_job = $1 ORDER BY mbed_unit, mbed_row";
    let rows = server.client().query(select, &[&job]).unwrap();
    let line = |row: &postgres::Row| {
        let vector: Value = serde_json::from_str(row.get(2)).unwrap();
        let (n, text): (i64, String) = (row.get(0), row.get(1));
        json!({ "n": n, "text": text, "embedding": vector }).to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

fn job_id(job: &Path) -> String {
    let manifest: Value = serde_json::from_slice(&fs::read(job.join("manifest.json")).unwrap()).unwrap();
    manifest["job"].as_str().unwrap().to_owned()
}

/// Works on the job until it is done, and compares.
fn finish(world: &World, job: &Path, server: &Server, gait: Gait, what: &str) {
    let again = || victim::run(&task(world, job, server), Arc::new(LocalDisk), gait).unwrap();
    again();
    assert!(again().is_none(), "{what}");
    check(world, job, server, what);
}

fn check(world: &World, job: &Path, server: &Server, what: &str) {
    let found = bulk::verify(job, &Check::default()).unwrap();
    assert_eq!(found.faults, [""; 0], "{what}");
    // The same rows, of which those of JSON have other spaces and digits.
    let plain =
        |text: &str| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    let (got, expected) = (plain(&rows(server, job)), plain(&world.expected.rows));
    assert_eq!(got.len(), expected.len(), "{what}");
    for (got, expected) in got.iter().zip(&expected) {
        assert_eq!((&got["n"], &got["text"]), (&expected["n"], &expected["text"]), "{what}");
        let values = |row: &Value| -> Vec<f32> { serde_json::from_value(row["embedding"].clone()).unwrap() };
        assert_eq!(values(got), values(expected), "{what}");
    }
    let units = "SELECT count(*), sum(rows)::bigint FROM mbed_units WHERE mbed_job = $1";
    let units = server.client().query_one(units, &[&job_id(job)]).unwrap();
    assert_eq!((units.get::<_, i64>(0), units.get::<_, i64>(1)), (found.units as i64, got.len() as i64));
}

fn rows_are_what_files_hold(server: &Server) {
    let world = World::new(400, SMALL);
    for job in ["first", "second"].map(|name| world.job(name)) {
        finish(&world, &job, server, SMALL, "undisturbed");
    }
    // Two jobs share the table, and damage to one is found.
    let job = world.job("first");
    let change =
        "UPDATE vectors SET text = text || '!' WHERE mbed_job = $1 AND mbed_unit = 3 AND mbed_row = 0";
    assert_eq!(server.client().execute(change, &[&job_id(&job)]).unwrap(), 1);
    let faults = bulk::verify(&job, &Check::default()).unwrap().faults;
    assert!(matches!(faults.as_slice(), [only] if only.starts_with("unit 3: ")), "{faults:?}");
    check(&world, &world.job("second"), server, "the other");
    let merged = bulk::merge(
        &[job],
        mbed_pipeline::Target::File(world.job("merged.parquet")),
        (mbed_pipeline::OutputFormat::Parquet, mbed_pipeline::ParquetOptions::default()),
    );
    assert!(matches!(merged.unwrap_err(), JobError::NoMerge { .. }));
}

fn kills_at_every_step(server: &Server) {
    let world = World::new(60, SMALL);
    let disk = Arc::new(BadDisk::new(NEVER, When::Before, Strike::Error));
    let counted = world.job("counted");
    victim::run(&task(&world, &counted, server), Arc::clone(&disk) as _, SMALL).unwrap();
    assert!(disk.steps() > 20, "{}", disk.steps());
    for step in 0..disk.steps() {
        for when in When::ALL {
            let job = world.job(&format!("killed-{step}-{when:?}"));
            let killed =
                victim::start(&task(&world, &job, server), SMALL, Some((step, when))).wait().unwrap();
            assert!(killed.code().is_none(), "it was not killed: {killed}");
            finish(&world, &job, server, SMALL, &format!("killed {when:?} step {step}"));
        }
    }
}

fn kills_at_random_moments(server: &Server) {
    let world = World::new(1000, SLOW);
    let (mut kills, mut round, mut wait) = (0, 0, moments());
    while kills < KILLS {
        let job = world.job(&format!("random-{round}"));
        round += 1;
        loop {
            let mut child = victim::start(&task(&world, &job, server), SLOW, None);
            thread::sleep(wait());
            if child.try_wait().unwrap().is_some() || kills == KILLS {
                assert!(child.wait().unwrap().success());
                break;
            }
            child.kill().unwrap();
            kills += usize::from(child.wait().unwrap().code().is_none());
        }
        finish(&world, &job, server, SLOW, &format!("after {kills} kills"));
    }
}

fn the_server_restarts_while_a_job_runs(server: &Server) {
    let gait = Gait { unit: 8, delay_ms: 10 };
    let world = World::new(1000, gait);
    let job = world.job("restarted");
    let units = || bulk::status(&job).map_or(0, |status| status.units);
    let report = thread::scope(|scope| {
        let run = scope.spawn(|| victim::run(&task(&world, &job, server), Arc::new(LocalDisk), gait));
        for restarts in 1..=3 {
            let (before, deadline) = (units(), Instant::now() + Duration::from_secs(60));
            while units() < before + 5 && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
            assert!(!run.is_finished(), "it was done before restart {restarts}");
            server.down();
            thread::sleep(Duration::from_millis(200));
            server.up();
        }
        run.join().unwrap().unwrap().unwrap()
    });
    assert!(report.is_finished);
    check(&world, &job, server, "after three restarts");
}

fn a_server_that_stays_away_ends_the_run(server: &Server) {
    let world = World::new(60, SMALL);
    let job = world.job("left");
    let disk = Arc::new(BadDisk::new(NEVER, When::Before, Strike::Error));
    let brief = Task { patience: Duration::from_millis(300), ..task(&world, &job, server) };
    server.down();
    let start = Instant::now();
    let error = victim::run(&brief, disk, SMALL).unwrap_err();
    assert!(matches!(error, JobError::Sink { .. }), "{error}");
    assert!(start.elapsed() >= Duration::from_millis(300), "it was not asked again");
    server.up();
    finish(&world, &job, server, SMALL, "after it came back");
}

fn what_a_table_cannot_hold_is_put_aside(server: &Server) {
    let world = World::new(60, SMALL);
    let input = world.job("zeros.jsonl");
    fs::write(&input, "{\"n\": 1, \"text\": \"1 2\"}\n{\"n\": 2, \"text\": \"3 \\u0000\"}\n").unwrap();
    let job = world.job("zeros");
    let task = Task { input: &input, ..task(&world, &job, server) };
    let report = victim::run(&task, Arc::new(LocalDisk), SMALL).unwrap().unwrap();
    assert_eq!((report.totals.written, report.totals.dead), (1, 1));
    let letters = fs::read_to_string(job.join("dead/00000000.jsonl")).unwrap();
    assert!(letters.contains("zeros.jsonl:2") && letters.contains("U+0000"), "{letters}");
    assert_eq!(bulk::verify(&job, &Check::default()).unwrap().faults, [""; 0]);
}
