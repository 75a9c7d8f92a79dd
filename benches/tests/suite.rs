//! The program as people call it, on a small model.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail loudly too")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mbed::Embedder;
use mbed::settings::Settings;
use mbed_bench::rows::{self, Body, Row};
use mbed_bench::worker::Launcher;
use mbed_bench::{Bench, Cell, Workload};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mbed-bench");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/models/bert-mean");

fn call(folder: &Path, words: &[&str]) -> Output {
    Command::new(PROGRAM).current_dir(folder).env("HF_HUB_OFFLINE", "1").args(words).output().unwrap()
}

fn suite(folder: &Path) -> PathBuf {
    let text = format!(
        "name = \"small\"\ndescription = \"\"\nrounds = 3\nround_seconds = 0.02\nwarm_up_rounds = 3\n\
         [[matrix]]\nmodels = ['{MODEL}']\nbackends = [\"cpu\", \"cuda\"]\nprecisions = [\"f32\", \"fp8\"]\n\
         workloads = [\"queries\", \"constant:32\", \"constant:8192\"]\ntexts = 8\n\
         [[matrix]]\nmodels = ['{MODEL}']\nbackends = [\"cpu\"]\nprecisions = [\"f32\"]\nworkloads = [\"queries\"]\n\
         texts = 8\nbatch_tokens = [\"auto\", 16, 64]\n\
         [studies]\nworkload = \"queries\"\nbatch_rows = [1, 4]\nworkers = [1, 2]\ntexts = [64]\nrounds = 3\n\
         round_seconds = 0.02\naccuracy_texts = 8\nsustain_seconds = 1.5\nwindow_seconds = 0.1\n"
    );
    let path = folder.join("small.toml");
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_suite_becomes_rows_and_a_page_with_every_part() {
    let folder = tempfile::tempdir().unwrap();
    suite(folder.path());
    let done = call(folder.path(), &["run", "--suite", "small.toml", "--output", "out"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let rows = rows::read(&folder.path().join("out/rows.jsonl")).unwrap();
    measurements_hold_together(&rows);
    left_out_cells_have_reasons(&rows);
    let page = fs::read_to_string(folder.path().join("out/index.html")).unwrap();
    let charts = [
        "Texts a second: queries",
        "Tokens a second by length",
        "Roofline",
        "Batches by tokens",
        "Batch sizes",
        "Workers",
        "Sustained rate",
        "Accuracy against speed",
    ];
    for title in charts {
        assert!(page.contains(&format!("<figure><b>{title}")), "{title}");
    }
    assert_eq!(page.matches("<svg role=\"img\"").count(), page.matches("<figure>").count());
    let tables = ["Every measurement", "Waiting times", "What to set", "Accuracy", "the classic targets"];
    let markdown = fs::read_to_string(folder.path().join("out/report.md")).unwrap();
    for title in [&tables[..], &["What the first texts would have predicted", "What was left out"]].concat() {
        assert!(page.contains(title) && markdown.contains(title), "{title}");
    }
    let outside = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!outside.contains("http") && !outside.contains("<script"), "the page needs nothing else");
}

fn measurements_hold_together(rows: &[Row]) {
    let measured = rows.iter().filter_map(|row| match &row.body {
        Body::Throughput(done) => Some(done),
        _ => None,
    });
    let mut count = 0;
    for done in measured {
        count += 1;
        assert_eq!((done.rounds.len(), done.opened.lengths.texts), (3, 8));
        assert!(
            done.texts_per_s.low <= done.texts_per_s.median
                && done.texts_per_s.median <= done.texts_per_s.high
        );
        let tokens_each = done.tokens_per_s.median / done.texts_per_s.median;
        assert!((tokens_each - done.opened.lengths.mean).abs() < 1e-6, "real tokens count");
        assert!((done.docs_per_min - 60.0 * done.texts_per_s.median).abs() < 1e-6);
        assert!(done.alone_ms.unwrap().p50 > 0.0 && done.batch_ms.unwrap().max > 0.0);
        assert!(done.gflops.unwrap() > 0.0 && done.padding.abs() < 1e-9, "the CPU backend pads nothing");
        if done.cell.workload.to_string() == "constant:32" {
            assert!((done.opened.lengths.mean - 32.0).abs() < 1e-9 && done.opened.lengths.p5 > 31.9);
        }
    }
    assert_eq!(count, 5, "two workloads that can be had, and three bounds of batches");
    let near = rows.iter().filter_map(|row| match &row.body {
        Body::Accuracy(found) => Some(found.min_cosine),
        _ => None,
    });
    assert!(near.into_iter().all(|cosine| cosine > 0.999_999));
}

fn left_out_cells_have_reasons(rows: &[Row]) {
    let reasons = |variant: &str, workload: &str| {
        let found = rows.iter().filter_map(|row| match &row.body {
            Body::Skipped(left) => Some(left),
            _ => None,
        });
        let mut of_cell =
            found.filter(|left| left.cell.variant() == variant && left.cell.workload.to_string() == workload);
        of_cell.next().map(|left| left.reason.clone()).unwrap_or_default()
    };
    assert!(reasons("cuda:0 f32", "queries").starts_with("backend `cuda`"));
    assert_eq!(reasons("cpu:0 fp8", "queries"), "`cpu:0` does not compute in fp8");
    let too_long = reasons("cpu:0 f32", "constant:8192");
    assert!(too_long.contains("8192"), "{too_long}");
}

#[test]
fn a_process_of_its_own_gives_the_vectors_of_the_library() {
    let launcher = Launcher { program: PROGRAM.into(), arguments: vec!["worker".to_owned()] };
    let bench = Bench::new(launcher, Settings::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let workload = Workload::new(&"queries".parse().unwrap(), Some(5)).unwrap();
    let cell = Cell { precision: "f32".to_owned(), ..Cell::of(MODEL, workload.name.clone()) };
    let path = folder.path().join("texts.jsonl");
    let lines = workload.texts.iter().map(|text| format!("{}\n", serde_json::json!(text)));
    fs::write(&path, lines.collect::<String>()).unwrap();
    let settings = cell.settings(&bench.base, None);
    let mut worker = bench.launcher.open(&settings, &path).unwrap();
    let found = worker.embed(&path, folder.path()).unwrap();
    let context = mbed::Context::from_environment().unwrap();
    let mut embedder: Embedder = mbed::open(&settings, &context).unwrap().embedder;
    let expected = embedder.embed(&workload.texts).unwrap();
    assert!(found.iter().map(Vec::as_slice).eq(expected.iter()));
    let ran = worker.run(12).unwrap();
    assert_eq!((ran.rows, ran.batch_ms.is_empty()), (12, false));
}

#[test]
fn what_cannot_be_measured_is_an_error_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let said = |words: &[&str]| {
        let done = call(folder.path(), words);
        assert!(!done.status.success(), "{words:?}");
        String::from_utf8(done.stderr).unwrap()
    };
    let error = said(&["run", "--backend", "tpu", "--output", "out"]);
    assert!(
        error.starts_with("error: suite `quick`: there is no backend `tpu`\nhint: known are auto, cpu"),
        "{error}"
    );
    let error = said(&["run", "--suite", "slow"]);
    assert_eq!(
        error,
        "error: there is no suite `slow`\nhint: give a file, or one of quick, full, seed-targets\n"
    );
    fs::write(folder.path().join("old.jsonl"), "{\"engine\": \"a\"}\n").unwrap();
    let error = said(&["report", "old.jsonl"]);
    assert!(
        error.starts_with("error: line 1 of `old.jsonl` has schema none, this program reads 1"),
        "{error}"
    );
    fs::write(folder.path().join("empty.txt"), "\n").unwrap();
    let error = said(&["sweep", "workers", "--model", MODEL, "--workload", "file:empty.txt"]);
    assert!(error.starts_with("error: the workload `file:empty.txt` has no texts"), "{error}");
    let error = said(&["run", "--suite", suite(folder.path()).to_str().unwrap(), "--model", "no/such/model"]);
    assert!(error.contains("error: nothing that was asked for can be measured on this machine"), "{error}");
    assert!(!folder.path().join("out").exists(), "nothing is written where nothing was measured");
}
