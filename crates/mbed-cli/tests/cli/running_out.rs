//! Memory that runs out for a row: where that is told.

use serde_json::{Value, json};

use crate::memory::{limited, long_texts, wide_model};
use crate::support::{Outcome, Place};

/// Runs `mbed` under one limit after the other until a row does not fit, which `words` tell.
fn starved(place: &Place, arguments: &[&str], words: &str) -> Outcome {
    // Rows of 512 tokens are alone in their batches.
    place.file("settings.toml", "[batching]\nmax_tokens = 256\n");
    let config = ["--config", "settings.toml", "--max-length", "512"];
    let options = [&config[..], &["--threads", "1", "--precision", "f32"]].concat();
    let arguments = [arguments, &options].concat();
    // What the program needs for itself differs; between too little for anything and enough for all lies what is meant.
    let mut last = String::new();
    for mib in (10_u64..120).step_by(2) {
        let outcome = limited(place, &format!("-d {}", mib << 10), &arguments);
        if outcome.stderr.contains(words) {
            return outcome;
        }
        last = outcome.stderr;
    }
    panic!("some limit lets short texts through and not the long one; without one: {last}");
}

/// Two short texts and a long one between them.
fn texts(place: &Place) {
    let long = long_texts(1);
    place.file("texts.txt", format!("a quiet library\n{long}the bridge\n"));
}

/// What counts and tells of memory that ran out.
fn check(memory: &Value) {
    assert!(memory["out_of_memory"].as_u64().unwrap() > 0, "{memory}");
    assert!(memory["retries"].as_u64().unwrap() > 0, "{memory}");
    assert_eq!((&memory["failed_rows"], &memory["ceiling"]), (&json!(1), &json!(512)));
    let events = memory["events"].as_array().unwrap();
    assert_eq!(memory["event_count"], events.len());
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!(memory["out_of_memory"], count("out-of-memory") + count("fragmented"));
    assert_eq!(count("row-failed"), 1, "{memory}");
    assert!(events.iter().all(|event| event["after_batches"].is_u64()), "{memory}");
}

#[test]
fn a_row_that_does_not_fit_is_named_and_the_rest_is_written() {
    let place = Place::new();
    let model = wide_model(&place);
    texts(&place);
    let arguments = ["embed", "texts.txt", "-o", "out.npy", "--model", &model, "--json"];
    let failed = starved(&place, &arguments, "1 rows do not fit into memory alone");
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("texts.txt:2"), "{}", failed.stderr);
    let summary: Value = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!((&summary["rows"], &summary["failed_rows"]), (&json!(2), &json!(1)));
    check(&summary["memory"]);
    assert!(place.path("out.npy").exists(), "the rest is written");
}

#[test]
fn memory_that_ran_out_is_in_the_log_and_in_the_summary() {
    let place = Place::new();
    let model = wide_model(&place);
    texts(&place);
    let arguments = ["embed", "texts.txt", "-o", "out.npy", "--model", &model, "--log-level", "info"];
    let failed = starved(&place, &arguments, "1 rows do not fit into memory alone");
    let lines = || failed.stderr.lines();
    let logged = |level: &str, words: &str| lines().any(|line| line.contains(level) && line.contains(words));
    for (level, words) in [
        (" INFO ", "a batch of 1 rows and 512 tokens did not fit: at most 256 tokens from now on"),
        (" INFO ", "parts of a batch that did not fit are tried again: try 1 of 3 after the first"),
        (" WARN ", "a single row of 512 tokens does not fit"),
    ] {
        assert!(logged(level, words), "{words}: {}", failed.stderr);
    }
    let summary = lines().find(|line| line.starts_with("2 rows, ")).unwrap();
    for words in [
        "1 rows without a vector",
        "memory ran out ",
        " parts tried again",
        " events of memory",
        "a batch of 512 tokens does not fit",
    ] {
        assert!(summary.contains(words), "{words}: {summary}");
    }
}

#[test]
fn a_job_tells_of_memory_as_well() {
    let place = Place::new();
    let model = wide_model(&place);
    texts(&place);
    for (output, json) in [("lines", &[][..]), ("json", &["--json"])] {
        let job =
            ["run", "--input", "texts.txt", "--output", output, "--model", &model, "--on-error", "skip"];
        let words = "a single row of 512 tokens does not fit";
        let outcome = starved(&place, &[&job, json].concat(), words).ok();
        if json.is_empty() {
            assert!(outcome.stderr.contains("a batch of 512 tokens does not fit"), "{}", outcome.stderr);
            continue;
        }
        let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(summary["totals"]["dead"], 1);
        check(&summary["memory"]);
    }
}
