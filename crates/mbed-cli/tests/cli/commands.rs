//! The other commands.

use serde_json::Value;

use crate::support::{Place, bert_mean};

#[test]
fn devices_tells_what_each_backend_finds() {
    let place = Place::new();
    let outcome = place.run(&["devices"]).ok();
    assert!(outcome.stdout.starts_with("cpu:0 "), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("precisions: f32"), "{}", outcome.stdout);
    let outcome = place.run(&["devices", "--json"]).ok();
    let devices: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(devices["backends"][0]["backend"], "cpu");
    assert_eq!(devices["backends"][0]["devices"][0]["id"], "cpu:0");
    assert!(devices["backends"][0]["devices"][0]["parallelism"].as_u64().unwrap() >= 1);
}

#[test]
fn similarity_puts_the_closest_first() {
    let place = Place::new();
    let model = bert_mean();
    let arguments = ["similarity", "the bridge", "a salty recipe", "the bridge", "", "--model", &model];
    let outcome = place.run(&arguments).ok();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0], " 1.0000  the bridge");
    let outcome = place.run(&[&arguments[..], &["--json"]].concat()).ok();
    let rows: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(rows[1]["text"], "the bridge");
    assert!((rows[1]["cosine"].as_f64().unwrap() - 1.0).abs() < 1e-6);
}

#[test]
fn model_info_describes_a_folder() {
    let place = Place::new();
    let outcome = place.run(&["model", "info", &bert_mean(), "--json"]).ok();
    let facts: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(facts["architecture"], "bert");
    assert_eq!((&facts["dimensions"], &facts["max_tokens"]), (&Value::from(64), &Value::from(128)));
    assert_eq!(facts["head"], "pooling mean, then normalise");
    assert_eq!(facts["layers"], 2);
    // Which other precisions there are is a matter of the machine.
    let runs_on = facts["runs_on"][0].as_str().unwrap();
    assert!(runs_on.starts_with("cpu:0 (") && runs_on.contains("f32"), "{runs_on}");
    assert_eq!(facts["stored_as"][0], "f32");
    // 4 and 1 bytes a value.
    assert_eq!(
        (&facts["weights_bytes"]["f32"], &facts["weights_bytes"]["int8"]),
        (&707_072.into(), &176_768.into())
    );
    let outcome = place.run(&["model", "info", &bert_mean()]).ok();
    assert!(outcome.stdout.contains("max_tokens         128"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("weights_bytes      f32 690.50 KiB, "), "{}", outcome.stdout);
}

#[test]
fn model_list_of_an_empty_cache_is_empty() {
    let place = Place::new();
    let outcome = place.run(&["model", "list"]).ok();
    assert_eq!(outcome.stdout, "");
    assert!(outcome.stderr.contains("mbed model pull"), "{}", outcome.stderr);
    assert_eq!(place.run(&["model", "list", "--json"]).ok().stdout, "[]\n");
}

#[test]
fn completions_know_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let outcome = place.run(&["completions", shell]).ok();
        assert!(outcome.stdout.contains("similarity"), "{shell}");
    }
}

#[test]
fn help_names_every_command() {
    let place = Place::new();
    let outcome = place.run(&["--help"]).ok();
    insta::assert_snapshot!(outcome.stdout.split("\n\nOptions:").next().unwrap(), @r"
    Turns texts into embedding vectors on whatever hardware is there

    Usage: mbed [OPTIONS] <COMMAND>

    Commands:
      embed        Turn texts into vectors
      chunk        Cut documents into chunks
      run          Embed millions of records in units that survive any kill
      status       Tell how far a job is
      verify       Check everything that a job has written: checksums, rows, vectors, counts
      merge        Write all rows of finished jobs into one file, in the order of their input
      similarity   Compare one text with others: the cosine of their vectors, the most similar first
      devices      Show what each backend of this build finds on this machine, or why it finds nothing
      model        Fetch, list, describe and check models
      plan         Show what fits: the memory that batches may take here, what that rests on, and how
                   many rows of each length it is
      tune         Find the fastest settings for a model on this machine
      monitor      Watch memory, its limits, cores, heat and graphics cards, until Ctrl-C: a live view
                   at a terminal, else a line for each sample
      profile      Show or remove what runs have learned of memory and speed, each for a model, a
                   backend, a device and a precision
      onnx         Get ONNX Runtime's library
      bench        Measure what this machine does with a model, in a minute or two: every backend and
                   precision of this build, batch sizes, workers, accuracy, and a while without a break.
                   Shows a picture, and writes a page and raw rows
      config       Show, check and begin files of settings
      completions  Print a script that completes mbed's commands and options in a shell
      help         Print this message or the help of the given subcommand(s)
    ");
    let outcome = place.run(&["emebd"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("embed"), "{}", outcome.stderr);
}
