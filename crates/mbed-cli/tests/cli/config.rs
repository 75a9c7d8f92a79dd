//! `mbed config`, and settings that change what other commands do.

use std::fs;

use serde_json::Value;

use crate::support::{Outcome, Place, bert_mean};

impl Place {
    /// Runs `mbed` with variables.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Outcome {
        self.outcome(&self.command(arguments).envs(variables.iter().copied()).output().unwrap())
    }
}

/// The lines that say something of `key`, and those of what it overrides.
fn lines(outcome: &Outcome, key: &str, place: &Place) -> String {
    let shown = outcome.stdout.replace(&format!("{}/", place.path("").display()), "");
    let shown = shown.replace(&place.path("").display().to_string(), "");
    let rest = shown.lines().skip_while(|line| !line.contains(key));
    let about = rest.enumerate().take_while(|(at, line)| *at == 0 || line.starts_with("#   "));
    about.map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_variable_is_shown_with_the_file_that_it_overrides() {
    let place = Place::new();
    place.file("mbed.toml", "[runtime]\nprecision = \"f16\"\n");
    let variables = [("MBED_RUNTIME__PRECISION", "bf16")];
    let outcome = place.run_with(&variables, &["config", "show", "--origin"]).ok();
    assert_eq!(
        lines(&outcome, "runtime.precision", &place),
        "runtime.precision = \"bf16\"  # environment MBED_RUNTIME__PRECISION\n\
         #   overrides \"f16\"  # mbed.toml:2:13"
    );
    let outcome =
        place.run_with(&variables, &["config", "show", "--origin", "--json", "runtime.precision"]).ok();
    let shown: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let shown = &shown["runtime.precision"];
    assert_eq!(
        (&shown["value"], &shown["origin"]["name"]),
        (&"bf16".into(), &"MBED_RUNTIME__PRECISION".into())
    );
    assert_eq!(
        (&shown["overridden"][0]["value"], &shown["overridden"][0]["origin"]["line"]),
        (&"f16".into(), &2.into())
    );
}

#[test]
fn an_older_name_is_shown_as_it_was_typed() {
    let place = Place::new();
    place.file("mbed.toml", "batch_size = 8\n");
    let outcome = place.run(&["config", "show", "--origin", "batching.batch_size"]).ok();
    let line = lines(&outcome, "batching.batch_size", &place);
    assert_eq!(line, "batching.batch_size = 8  # mbed.toml:1:14 (batch_size)");
    let variables = [("EMBEDDING_BATCH_SIZE", "64")];
    let outcome = place.run_with(&variables, &["config", "show", "--origin", "batching.batch_size"]).ok();
    assert!(outcome.stdout.starts_with("batching.batch_size = 64  # environment EMBEDDING_BATCH_SIZE\n"));
}

#[test]
fn what_is_shown_can_be_used_as_a_file() {
    let place = Place::new();
    let variables = [("MBED_MODEL__PROMPT", "a \"quoted\"\ttext"), ("MBED_RUNTIME__DEVICES", "0")];
    let shown = place.run_with(&variables, &["config", "show"]).ok().stdout;
    place.file("mbed.toml", &shown);
    assert_eq!(place.run(&["config", "show"]).ok().stdout, shown);
    let tree: Value = serde_json::from_str(&place.run(&["config", "show", "--json"]).ok().stdout).unwrap();
    assert_eq!(tree["model"]["prompt"], "a \"quoted\"\ttext");
    assert_eq!(tree["memory"]["growth"]["after"], 10);
    let outcome = place.run(&["config", "show", "colour"]);
    assert!(outcome.error().contains("no setting begins with `colour`"), "{}", outcome.stderr);
}

#[test]
fn from_init_to_another_batch_size() {
    let place = Place::new();
    assert_eq!(place.run(&["config", "init"]).ok().stdout, "mbed.toml\n");
    let begun = fs::read_to_string(place.path("mbed.toml")).unwrap();
    assert!(begun.contains("\n# batch_size = \"auto\"\n"), "{begun}");
    place.file("mbed.toml", begun.replace("# batch_size = \"auto\"", "batch_size = 16"));
    let outcome = place.run(&["config", "show", "--origin", "batching.batch_size"]).ok();
    assert!(outcome.stdout.starts_with("batching.batch_size = 16  # "), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("mbed.toml:"), "{}", outcome.stdout);

    let outcome = place.run(&["config", "init"]);
    assert!(outcome.error().contains("`mbed.toml` is there already"), "{}", outcome.stderr);
    assert!(fs::read_to_string(place.path("mbed.toml")).unwrap().contains("batch_size = 16"));
    assert_eq!(place.run(&["config", "init", "-"]).ok().stdout, begun);
    place.run(&["config", "init", "--user"]).ok();
    assert_eq!(fs::read_to_string(place.path("xdg/mbed/config.toml")).unwrap(), begun);
}

#[test]
fn path_lists_the_files_and_check_reads_them() {
    let place = Place::new();
    place.file("mbed.toml", "[batching]\nmin_rows = 2\n");
    place.file("other.toml", "[batching]\nmin_rows = \"two\"\n");
    let outcome = place.run(&["config", "path", "--config", "other.toml"]).ok();
    let places: Vec<&str> =
        outcome.stdout.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(places, ["system", "user", "project", "named"]);
    assert!(outcome.stdout.lines().nth(1).unwrap().ends_with("mbed/config.toml  (not there)"));
    assert!(outcome.stdout.lines().nth(2).unwrap().ends_with("mbed.toml"));

    let outcome = place.run(&["config", "check"]).ok();
    assert!(outcome.stdout.ends_with("mbed.toml is right\n"), "{}", outcome.stdout);
    for arguments in [&["config", "check", "other.toml"][..], &["config", "check", "--config", "other.toml"]]
    {
        let outcome = place.run(arguments);
        insta::allow_duplicates! {
            insta::assert_snapshot!(outcome.error(), @r#"
            error: other.toml:2:12: `batching.min_rows` cannot be `"two"`, only a whole number from 1
            2 | min_rows = "two"
              |            ^
            "#);
        }
    }
    let schema: Value = serde_json::from_str(&place.run(&["config", "schema"]).ok().stdout).unwrap();
    assert_eq!(schema["properties"]["batching"]["properties"]["min_rows"]["minimum"], 1);
}

#[test]
fn a_broken_file_stops_every_command_but_those_that_mend_it() {
    let place = Place::new();
    place.file("mbed.toml", "[batching\n");
    place.file("texts.txt", "one\n");
    for arguments in [&["embed", "texts.txt"][..], &["devices"], &["model", "list"], &["config", "show"]] {
        let outcome = place.run(arguments);
        assert!(outcome.error().contains("mbed.toml:1:10: "), "{arguments:?}: {}", outcome.stderr);
    }
    for arguments in
        [&["config", "path"][..], &["config", "schema"], &["config", "init", "-"], &["completions", "bash"]]
    {
        place.run(arguments).ok();
    }
}

#[test]
fn settings_of_a_file_are_what_embed_does() {
    let place = Place::new();
    place.file("texts.txt", "one two three four five\n");
    let model = bert_mean();
    place.file("mbed.toml", format!("[model]\nid = {model:?}\ndimensions = 7\nnormalize = \"no\"\n"));
    let run = |arguments: &[&str]| {
        let line = place.run(&[&["embed", "texts.txt"], arguments].concat()).ok().stdout;
        let row: Value = serde_json::from_str(&line).unwrap();
        row["embedding"].as_array().unwrap().len()
    };
    assert_eq!(run(&[]), 7);
    assert_eq!(run(&["--dimensions", "5"]), 5);
    place.file("more.toml", "[model]\ndimensions = 6\n");
    assert_eq!(run(&["--config", "more.toml"]), 6);
    place.file("rest.toml", "[model]\nmax_length = 3\noverflow = \"error\"\n");
    let outcome = place.run(&["embed", "texts.txt", "--config", "more.toml", "--config", "rest.toml"]);
    assert!(outcome.error().contains("3 tokens"), "{}", outcome.stderr);
    assert!(place.run(&["model", "info", "--json"]).ok().stdout.contains("bert-mean"));
}

#[test]
fn workers_share_the_work_and_give_the_same_bits() {
    let place = Place::new();
    let texts: String = (0..600).map(|row| format!("text number {row} of the file\n")).collect();
    place.file("texts.txt", texts);
    let one = place.embed(&["texts.txt", "--batch-tokens", "200"]).ok().stdout;
    let variables = [("EMBEDDING_MODEL_POOL_SIZE", "3"), ("EMBEDDING_BATCH_SIZE", "5")];
    let three = place.run_with(&variables, &["embed", "--model", &bert_mean(), "texts.txt"]).ok().stdout;
    assert!(one == three, "vectors differ");
    let outcome =
        place.run_with(&[("MBED_CUDA_DEVICE", "1")], &["embed", "--model", &bert_mean(), "texts.txt"]);
    assert!(outcome.error().contains("backend `cpu` has no device 1"), "{}", outcome.stderr);
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let place = Place::new();
    let outcome = place.run(&["embed", "--prompt", "a", "--prompt-name", "b"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("'--prompt <TEXT>' cannot be used with '--prompt-name <NAME>'"));
    place.file("mbed.toml", "[batching]\nmin_rows = 16\n");
    let outcome = place.embed(&["mbed.toml", "--input-format", "text", "--batch-size", "8"]);
    assert!(outcome.error().contains("(flag --batch-size)"), "{}", outcome.stderr);
    assert!(outcome.error().contains("`batching.min_rows = 16` ("), "{}", outcome.stderr);
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_is_named() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    let file = place.file("secret.toml", "");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything; a folder even root cannot read as a file.
    if fs::read(&file).is_ok() {
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
    }
    let outcome = place.run(&["devices", "--config", "secret.toml"]);
    assert!(outcome.error().contains("cannot read the settings in `secret.toml`"), "{}", outcome.stderr);
    assert!(outcome.error().contains("hint: `mbed config path`"), "{}", outcome.stderr);
}
