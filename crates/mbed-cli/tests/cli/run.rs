//! `mbed run`, `status`, `verify` and `merge`.

use std::fs;

use serde_json::Value;

use crate::support::{Outcome, Place, bert_mean};

impl Place {
    fn bulk(&self, arguments: &[&str]) -> Outcome {
        self.run(&[&["run", "--model", &bert_mean()], arguments].concat())
    }

    fn merged(&self, job: &str) -> Vec<Value> {
        self.run(&["merge", job, "-o", "merged.jsonl"]).ok();
        let text = fs::read_to_string(self.path("merged.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn status(&self, job: &str) -> Value {
        serde_json::from_str(&self.run(&["status", job, "--json"]).ok().stdout).unwrap()
    }
}

fn lines(count: usize) -> String {
    (0..count).map(|row| format!("the bridge near harbour {row}\n")).collect()
}

#[test]
fn a_job_gives_what_embed_gives_and_is_done_once() {
    let place = Place::new();
    place.file("texts.txt", lines(500));
    let outcome = place.bulk(&["--input", "texts.txt", "--output", "job", "--json"]).ok();
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(summary["finished"], true);
    assert_eq!(
        summary["totals"],
        serde_json::json!({"records": 500, "rows": 500, "written": 500, "dead": 0})
    );
    let embedded = place.embed(&["texts.txt", "-o", "embedded.jsonl"]).ok();
    assert!(embedded.stdout.is_empty());
    place.merged("job");
    let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    assert_eq!(read("merged.jsonl"), read("embedded.jsonl"));
    let verified = place.run(&["verify", "job"]).ok().stdout;
    assert!(verified.contains("500 rows, 0 dead; every vector has length 1"), "{verified}");
    let before = fs::read(place.path("job/journal")).unwrap();
    let again = place.bulk(&["--input", "texts.txt", "--output", "job"]).ok();
    assert!(again.stderr.contains("is done already: 500 records"), "{}", again.stderr);
    assert_eq!(fs::read(place.path("job/journal")).unwrap(), before);
}

#[test]
fn a_run_that_ends_early_is_gone_on_with() {
    let place = Place::new();
    place.file("texts.txt", lines(300));
    let part = ["--input", "texts.txt", "--output", "job", "--max-rows", "100"];
    for done in [100, 200] {
        place.bulk(&part).ok();
        let status = place.status("job");
        assert_eq!(
            (&status["state"], &status["done"]["records"]),
            (&Value::from("stopped"), &Value::from(done))
        );
    }
    assert!(
        place.run(&["merge", "job", "-o", "m.npy"]).error().contains("not finished: 200 records are done")
    );
    let last = place.bulk(&part).ok();
    assert!(last.stderr.contains("going on behind 200 records\ndone: 300 records"), "{}", last.stderr);
    assert_eq!(place.status("job")["state"], "finished");
    assert_eq!(place.merged("job").len(), 300);
}

/// However fast the machine is: no time at all ends before the first record, enough time at the last, and between them
/// come as many runs of a second as it takes.
#[test]
fn a_run_that_has_no_more_time_ends_in_good_order() {
    let place = Place::new();
    let texts: String = lines(4000).lines().map(|line| format!("{}\n", line.repeat(20))).collect();
    place.file("texts.txt", texts);
    let run = |time: &str| {
        let job = ["--input", "texts.txt", "--output", "job", "--threads", "1", "--json", "--max-time", time];
        let outcome = place.bulk(&job).ok();
        let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
        (summary["finished"].as_bool().unwrap(), summary["totals"]["records"].as_u64().unwrap())
    };
    assert_eq!(run("0"), (false, 0));
    let mut before = 0;
    for _ in 0..3 {
        let (is_finished, records) = run("1");
        let status = place.status("job");
        assert_eq!(status["state"], if is_finished { "finished" } else { "stopped" });
        assert_eq!((&status["done"]["records"], is_finished), (&Value::from(records), records == 4000));
        assert!(records >= before, "{records} after {before}");
        before = records;
    }
    assert_eq!(run("12h"), (true, 4000));
    place.run(&["verify", "job"]).ok();
    place.merged("job");
    place.embed(&["texts.txt", "-o", "whole.jsonl"]).ok();
    let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    assert!(read("merged.jsonl") == read("whole.jsonl"));
}

#[test]
fn another_job_in_the_same_folder_is_refused_and_told_apart() {
    let place = Place::new();
    place.file("texts.txt", lines(40));
    place.bulk(&["--input", "texts.txt", "--output", "job", "--max-rows", "20"]).ok();
    let other =
        place.bulk(&["--input", "texts.txt", "--output", "job", "--dimensions", "32", "--vectors", "f16"]);
    let expected = "error: the job in `job` was begun otherwise:
  model.dimensions was `auto`, is `32`
  output.vectors was `f32`, is `f16`
hint: run it as it was begun, or begin another job in another folder";
    assert_eq!(other.error(), expected);
    place.file("texts.txt", lines(41));
    let changed = place.bulk(&["--input", "texts.txt", "--output", "job"]);
    assert!(
        changed.error().contains("`texts.txt` has changed: 1070 bytes before, 1097 now"),
        "{}",
        changed.stderr
    );
    place.file("other/file", "");
    let occupied = place.bulk(&["--input", "texts.txt", "--output", "other"]);
    assert!(occupied.error().contains("folder `other` is not empty and holds no job"), "{}", occupied.stderr);
    assert!(place.run(&["status", "other"]).error().contains("`other` is not the folder of a job"));
    let stdin = place.bulk(&["--input", "-", "--output", "new"]);
    assert!(stdin.error().contains("a job cannot read `standard input`"), "{}", stdin.stderr);
}

#[test]
fn what_cannot_be_embedded_is_put_aside_and_counted() {
    let place = Place::new();
    place.file(
        "rows.jsonl",
        "{\"text\": \"one\"}\nno json\n{\"text\": null}\n{\"n\": 1}\n{\"text\": \"two\"}\n",
    );
    let failing = place.bulk(&["--input", "rows.jsonl", "--output", "strict"]);
    assert!(failing.error().contains("`rows.jsonl:2` is not a JSON object"), "{}", failing.stderr);
    let skip = ["--input", "rows.jsonl", "--on-error", "skip"];
    let few = place.bulk(&[&skip[..], &["--output", "few", "--max-errors", "2"]].concat());
    assert!(few.error().contains("3 records could not be embedded, at most 2 may"), "{}", few.stderr);
    place.bulk(&[&skip[..], &["--output", "job"]].concat()).ok();
    assert_eq!(
        place.status("job")["done"],
        serde_json::json!({"records": 5, "rows": 5, "written": 2, "dead": 3})
    );
    let rows = place.merged("job");
    assert_eq!(rows.iter().map(|row| row["text"].as_str().unwrap()).collect::<Vec<_>>(), ["one", "two"]);
    let letters = fs::read_to_string(place.path("job/dead/00000000.jsonl")).unwrap();
    let names: Vec<String> = letters
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["row"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["rows.jsonl:2", "rows.jsonl:3", "rows.jsonl:4"]);
    place.run(&["verify", "job"]).ok();
}

#[test]
fn damage_is_found() {
    let place = Place::new();
    place.file("texts.txt", lines(60));
    place.bulk(&["--input", "texts.txt", "--output", "job"]).ok();
    let shard = place.path("job/shards/00000000.parquet");
    let mut bytes = fs::read(&shard).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&shard, bytes).unwrap();
    let outcome = place.run(&["verify", "job"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stdout.contains("00000000.parquet` is not what was written"), "{}", outcome.stdout);
    let journal = fs::read_to_string(place.path("job/journal")).unwrap();
    fs::write(place.path("job/journal"), journal.replacen("\"written\":32", "\"written\":31", 1)).unwrap();
    assert!(place.run(&["verify", "job"]).error().contains("is damaged: line 1 has been changed"));
}

#[test]
fn a_job_file_says_everything_and_nothing_unknown() {
    let place = Place::new();
    place.file("data/guide.md", "# Boats\n\nA boat is at sea.\n\n# Nets\n\nA net is in the boat.\n");
    let job = format!(
        "input = [\"guide.md\"]\noutput = \"../vectors\"\nmodel = {:?}\nchunk = \"markdown\"\nchunk_size = \"30c\"\nvectors = \"int8\"\n",
        bert_mean()
    );
    place.file("data/job.toml", &job);
    place.run(&["run", "data/job.toml"]).ok();
    let status = place.run(&["status", "data/job.toml"]).ok().stdout;
    assert!(status.starts_with("finished: 1 of 1 records, 2 written"), "{status}");
    let rows = place.merged("vectors");
    assert_eq!(rows[1]["headings"], serde_json::json!(["Nets"]));
    let exact = place.embed(&["data/guide.md", "--chunk", "markdown", "--chunk-size", "30c"]).ok();
    for (row, exact) in rows.iter().zip(exact.stdout.lines()) {
        let exact: Value = serde_json::from_str(exact).unwrap();
        let values = |row: &Value| serde_json::from_value::<Vec<f64>>(row["embedding"].clone()).unwrap();
        let largest = values(&exact).iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        for (got, exact) in values(row).iter().zip(values(&exact)) {
            // Half of a step of 1/127 of the largest value.
            assert!((got - exact).abs() <= largest / 127.0 * 0.51, "{got} instead of {exact}");
        }
    }
    place.file("bad.toml", "input = [\"a\"]\noutputs = \"x\"\n");
    let bad = place.run(&["run", "bad.toml"]);
    assert!(bad.error().contains("unknown field `outputs`"), "{}", bad.stderr);
}

#[test]
fn parts_for_several_machines_make_the_whole() {
    let place = Place::new();
    place.file("texts.txt", lines(101));
    for (part, folder) in [("0/3", "a"), ("1/3", "b"), ("2/3", "c")] {
        place.bulk(&["--input", "texts.txt", "--output", folder, "--shard", part]).ok();
    }
    place.run(&["merge", "a", "b", "c", "-o", "parts.jsonl"]).ok();
    place.embed(&["texts.txt", "-o", "whole.jsonl"]).ok();
    let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    assert_eq!(read("parts.jsonl"), read("whole.jsonl"));
    let wrong = place.bulk(&["--input", "texts.txt", "--output", "d", "--shard", "3/3"]);
    assert!(wrong.error().contains("unknown part `3/3`"), "{}", wrong.stderr);
}

#[cfg(unix)]
#[test]
fn interrupting_a_job_commits_what_is_computed() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let place = Place::new();
    place.file("texts.txt", lines(60_000));
    let model = bert_mean();
    let arguments = ["run", "--model", &model, "--input", "texts.txt", "--output", "job", "--threads", "1"];
    let child = place.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let units = || fs::read_to_string(place.path("job/journal")).map_or(0, |text| text.lines().count());
    while units() < 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = std::process::Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let output = child.wait_with_output();
    let outcome = place.outcome(&output.unwrap());
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("interrupted: "), "{}", outcome.stderr);
    let done = place.status("job")["done"]["records"].as_u64().unwrap();
    assert!(outcome.stderr.contains(&format!("interrupted: {done} records")), "{}", outcome.stderr);
    assert!((64..60_000).contains(&done), "{done}");
    place.run(&["verify", "job"]).ok();
}

#[test]
fn options_of_the_output_do_what_they_say() {
    let place = Place::new();
    let texts: String = (0..200).map(|row| format!("the bridge near harbour {}\n", row % 50)).collect();
    place.file("texts.txt", texts);
    let plain = ["--input", "texts.txt", "--output"];
    place.bulk(&[&plain[..], &["plain"]].concat()).ok();
    let outcome =
        place.bulk(&[&plain[..], &["once", "--dedup", "--format", "arrow", "--json"]].concat()).ok();
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(summary["repeated"], 150);
    let share = |key: &str| summary[key].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&share("idle_share")), "{summary}");
    assert!(share("engine_seconds") > 0.0 && share("engine_seconds") <= share("seconds"), "{summary}");
    assert!(place.path("once/shards/00000000.arrow").exists());
    assert_eq!(place.merged("once"), place.merged("plain"));
    let verified = place.run(&["verify", "once", "--inputs"]).ok().stdout;
    assert!(verified.contains("200 records of the input are as they were read"), "{verified}");
    place.file("texts.txt", "another\n");
    let changed = place.run(&["verify", "once", "--inputs"]);
    assert_eq!(changed.code, Some(1));
    assert!(
        changed.stdout.contains("`texts.txt` has changed") && changed.stdout.contains("unit 0: its input"),
        "{}",
        changed.stdout
    );
    let sink = place.bulk(&[&plain[..], &["far", "--sink", "gopher://host"]].concat());
    assert!(sink.error().contains("rows cannot be kept in `gopher://host`"), "{}", sink.stderr);
    let parts = place.run(&["merge", "plain", "-o", "m.parquet", "--row-group-rows", "7", "--zstd", "23"]);
    assert!(parts.stderr.contains("23 is not in 1..=22"), "{}", parts.stderr);
}

#[test]
fn texts_that_are_too_long_are_put_aside_where_that_is_an_error() {
    let place = Place::new();
    place.file("texts.txt", format!("boat\n{}\nharbour\n", "boat ".repeat(2000)));
    let strict = ["--input", "texts.txt", "--overflow", "error", "--output"];
    let failing = place.bulk(&[&strict[..], &["strict"]].concat());
    assert!(failing.error().contains("the text of texts.txt:2 has more than"), "{}", failing.stderr);
    place.bulk(&[&strict[..], &["job", "--on-error", "skip"]].concat()).ok();
    assert_eq!(
        place.status("job")["done"],
        serde_json::json!({"records": 3, "rows": 3, "written": 2, "dead": 1})
    );
    let letters = fs::read_to_string(place.path("job/dead/00000000.jsonl")).unwrap();
    assert!(letters.contains("texts.txt:2") && letters.contains("tokens"), "{letters}");
}

#[test]
fn a_job_in_a_folder_that_cannot_be_written_says_so() {
    let place = Place::new();
    place.file("texts.txt", lines(3));
    place.file("file", "");
    let outcome = place.bulk(&["--input", "texts.txt", "--output", "file/job"]);
    assert!(outcome.error().contains("cannot use `file/job` of the job"), "{}", outcome.stderr);
}

#[cfg(unix)]
#[test]
fn signals_make_a_job_wait_and_go_on() {
    use std::process::Stdio;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    let place = Place::new();
    place.file("texts.txt", lines(20_000));
    let model = bert_mean();
    let arguments =
        ["run", "--model", &model, "--input", "texts.txt", "--output", "job", "--threads", "1", "--json"];
    let child = place.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let units = || fs::read_to_string(place.path("job/journal")).map_or(0, |text| text.lines().count());
    let signal = |name: &str| {
        let kill = std::process::Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while units() < 1 && Instant::now() < deadline {
        sleep(Duration::from_millis(2));
    }
    signal("USR1");
    // What was read before may still be committed; then nothing happens.
    let mut before = units();
    loop {
        sleep(Duration::from_millis(500));
        let now = units();
        if now == before {
            break;
        }
        before = now;
    }
    sleep(Duration::from_secs(1));
    assert_eq!(units(), before);
    let waits = place.status("job")["state"] == "running";
    assert!(waits, "it was done before it was to wait");
    signal("USR2");
    let outcome = place.outcome(&child.wait_with_output().unwrap()).ok();
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        (&summary["finished"], &summary["totals"]["written"]),
        (&Value::from(true), &Value::from(20_000))
    );
    place.run(&["verify", "job"]).ok();
}
