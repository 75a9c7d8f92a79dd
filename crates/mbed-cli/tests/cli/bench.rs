//! `mbed bench`, as far as it takes no minute: `benches/tests` runs suites.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::Place;

#[test]
fn a_model_that_is_nowhere_is_refused_before_anything_is_measured() {
    let place = Place::new();
    let done = place.run(&["bench", "--model", "no/such-model", "--output", "report"]);
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
    assert!(!place.path("report").exists());
}

/// The process that `mbed bench` starts for each cell is this very program.
#[test]
fn the_program_measures_for_another() {
    let place = Place::new();
    let model = place.model("bert-mean");
    let texts = place.file("texts.jsonl", "\"the bridge\"\n\"a quiet library near the harbour\"\n");
    let mut settings = serde_json::to_value(mbed::settings::Settings::default()).unwrap();
    settings["model"]["id"] = json!(model);
    let requests =
        [json!({ "open": { "settings": settings, "texts": texts } }), json!({ "run": { "rows": 5 } })];
    let mut command = place.command(&["bench-worker"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for request in requests {
        writeln!(stdin, "{request}").unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let replies: Vec<Value> = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    let [opened, ran] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!(opened["opened"]["dimensions"], 64);
    assert_eq!(opened["opened"]["lengths"]["texts"], 2);
    let tokens = opened["opened"]["lengths"]["tokens"].as_u64().unwrap();
    let first = ran["ran"]["tokens"].as_u64().unwrap();
    assert!(ran["ran"]["rows"] == 5 && first > 2 * tokens && first < 3 * tokens, "two passes and a text");
}
