//! What is logged, and that it stays away from data.

use serde_json::Value;

use crate::support::{Outcome, Place, bert_mean};

/// Embeds two lines with these options, and two names of one setting that do not agree.
fn embed(place: &Place, options: &[&str]) -> Outcome {
    place.file("texts.txt", "one\ntwo\n");
    place.file("mbed.toml", "cuda_use_pinned_memory = true\n[cuda]\npinned_memory = false\n");
    place.embed(&[&["texts.txt"], options].concat()).ok()
}

#[test]
fn warnings_go_to_standard_error_and_not_into_data() {
    let place = Place::new();
    let outcome = embed(&place, &[]);
    assert!(
        outcome.stdout.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{}",
        outcome.stdout
    );
    let warning = "WARN mbed::invocation: `cuda.pinned_memory = true` (HERE/mbed.toml:1:26 (cuda_use_pinned_memory)) \
                   is not used, because of `cuda.pinned_memory = false` (HERE/mbed.toml:3:17)";
    assert!(outcome.stderr.contains(warning), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().count(), 2, "the warning and the summary: {}", outcome.stderr);
    assert_eq!(embed(&place, &["--quiet"]).stderr, "");
    assert_eq!(embed(&place, &["--log-level", "off"]).stderr.lines().count(), 1);
    assert!(embed(&place, &["--quiet", "--log-level", "warn"]).stderr.contains("is not used"));
}

#[test]
fn every_step_is_a_span_with_its_time() {
    let place = Place::new();
    let outcome = embed(
        &place,
        &["-o", "out.npy", "--precision", "f32", "--log-level", "debug", "--log-format", "json", "--quiet"],
    );
    let events: Vec<Value> =
        outcome.stderr.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    for name in ["load", "tokenise", "batch", "compute", "write"] {
        let is_end = |event: &&Value| event["span"]["name"] == name && event["fields"]["message"] == "close";
        let closed = events.iter().find(is_end).unwrap_or_else(|| panic!("{name}"));
        assert!(closed["fields"]["time.busy"].is_string(), "{name}");
        assert!(closed["timestamp"].is_string(), "{name}");
    }
    let opened = events.iter().find(|event| event["fields"]["message"] == "opened").unwrap();
    assert_eq!(
        (&opened["fields"]["device"], &opened["fields"]["precision"]),
        (&"cpu:0".into(), &"f32".into())
    );
}

#[test]
fn levels_are_set_by_target() {
    let place = Place::new();
    let spans = |levels: &str| {
        let outcome = embed(&place, &["--log-level", levels, "--quiet"]);
        ["compute{", "load{"].map(|span| outcome.stderr.contains(span))
    };
    assert_eq!(spans("info"), [false, false]);
    assert_eq!(spans("debug"), [true, true]);
    assert_eq!(spans("warn,mbed_engine=debug"), [true, false]);
    let outcome = place.run(&["embed", "--log-level", "loud", "--model", &bert_mean(), "texts.txt"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("`loud` is not a level"), "{}", outcome.stderr);
}
