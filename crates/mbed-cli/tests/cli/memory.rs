//! Little memory: limits that a shell can set, and the commands that tell of memory.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Place, bert_mean};

/// 1,200 texts of more tokens than any model here takes.
pub(crate) fn long_texts(rows: usize) -> String {
    let words = ["the", "bridge", "near", "harbour", "a", "quiet", "library", "and", "more"];
    let text = |row: usize| {
        (0..600).map(|word| words[(row + word * word) % words.len()]).collect::<Vec<_>>().join(" ")
    };
    (0..rows).map(|row| text(row) + "\n").collect()
}

/// `bert-mean` with one layer and states of 768 values, so that batches need what they do with models that people use.
/// Every weight is the same small number: only memory matters here.
pub(crate) fn wide_model(place: &Place) -> String {
    const HIDDEN: usize = 768;
    let folder = place.model("bert-mean");
    let config = folder.join("config.json");
    let mut settings: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    for (name, value) in [
        ("hidden_size", HIDDEN),
        ("intermediate_size", HIDDEN),
        ("num_attention_heads", 12),
        ("num_hidden_layers", 1),
    ] {
        settings[name] = value.into();
    }
    fs::write(&config, settings.to_string()).unwrap();
    let weights = folder.join("model.safetensors");
    let old = fs::read(&weights).unwrap();
    let length = usize::try_from(u64::from_le_bytes(old[..8].try_into().unwrap())).unwrap();
    let header: Value = serde_json::from_slice(&old[8..8 + length]).unwrap();
    let (mut tensors, mut end) = (serde_json::Map::new(), 0);
    for (name, tensor) in header.as_object().unwrap() {
        if name == "__metadata__" || name.contains("layer.1.") {
            continue;
        }
        // States have 64 values in the small model, the feed-forward 128; no other size is one of these.
        let sizes = tensor["shape"].as_array().unwrap().iter().map(|size| match size.as_u64().unwrap() {
            64 | 128 => HIDDEN,
            other => usize::try_from(other).unwrap(),
        });
        let sizes: Vec<usize> = sizes.collect();
        let start = end;
        end += sizes.iter().product::<usize>() * 4;
        tensors.insert(name.clone(), json!({ "dtype": "F32", "shape": sizes, "data_offsets": [start, end] }));
    }
    let mut header = Value::Object(tensors).to_string();
    header.push_str(&" ".repeat(8 - header.len() % 8));
    let mut new = (header.len() as u64).to_le_bytes().to_vec();
    new.extend(header.as_bytes());
    new.extend(0.01_f32.to_le_bytes().repeat(end / 4));
    fs::write(&weights, new).unwrap();
    folder.display().to_string()
}

/// `mbed` under a limit of `ulimit`, in KiB.
#[cfg(target_os = "linux")]
pub(crate) fn limited(place: &Place, limit: &str, arguments: &[&str]) -> crate::support::Outcome {
    let mut command = place.command_of("sh");
    let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
    // The standard library cannot print a backtrace where there is no memory for one: it waits for itself for ever.
    command.env("RUST_BACKTRACE", "0");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_mbed")]).args(arguments);
    place.outcome(&command.output().unwrap())
}

/// Embeds `texts.txt` cut at 512 tokens, in binary32.
#[cfg(target_os = "linux")]
fn embed_long<'a>(model: &'a str, others: &[&'a str]) -> Vec<&'a str> {
    let common =
        ["embed", "texts.txt", "-o", "out.npy", "--json", "--max-length", "512", "--precision", "f32"];
    [&common[..], &["--model", model], others].concat()
}

#[cfg(target_os = "linux")]
#[test]
fn full_length_texts_fit_into_little_memory_with_default_settings() {
    let place = Place::new();
    place.file("texts.txt", long_texts(1200));
    let model = bert_mean();
    let arguments =
        ["embed", "texts.txt", "-o", "out.npy", "--json", "--model", &model, "--max-length", "512"];
    let outcome = limited(&place, "-v 1500000", &arguments).ok();
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&summary["rows"], &summary["tokens"]), (&json!(1200), &json!(1200 * 512)));
    assert!(summary["peak_memory_bytes"].as_u64().unwrap() < 1 << 30);
    // The limit of the address space is what counts: seven tenths of less than 1.5 GB.
    let budget = summary["memory"]["first_budget"].as_u64().unwrap();
    assert!((100_000_000..1_075_200_000).contains(&budget), "{budget}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_batch_that_the_limit_forbids_fails_when_fixed_and_is_made_smaller_otherwise() {
    let place = Place::new();
    let model = wide_model(&place);
    place.file("texts.txt", long_texts(70));
    // 64 threads with a text of 512 tokens each work in more than 450 MB together.
    let run = |adapt: &str| {
        let settings =
            format!("[batching]\nmax_tokens = 262144\n[memory]\nmax_retries = 0\nadapt = \"{adapt}\"\n");
        place.file("settings.toml", settings);
        let arguments = embed_long(&model, &["--threads", "64", "--config", "settings.toml"]);
        limited(&place, "-d 450000", &arguments)
    };
    let fixed = run("off");
    assert_ne!(fixed.code, Some(0), "{}", fixed.stdout);
    assert!(!place.path("out.npy").exists());
    let adaptive = run("auto").ok();
    let summary: Value = serde_json::from_str(&adaptive.stdout).unwrap();
    assert_eq!(summary["rows"], 70);
    assert!(summary["memory"]["first_tokens"].as_u64().unwrap() < 70 * 512, "{summary}");
}

#[test]
fn a_plan_tells_what_fits() {
    let place = Place::new();
    let model = bert_mean();
    let plan =
        |others: &[&str]| place.run(&[&["plan", "--model", &model, "--max-length", "100"], others].concat());
    let found: Value = serde_json::from_str(&plan(&["--json"]).ok().stdout).unwrap();
    let table = found["table"].as_array().unwrap();
    let lengths: Vec<u64> = table.iter().map(|line| line["tokens"].as_u64().unwrap()).collect();
    assert_eq!(lengths, [16, 32, 64, 100]);
    assert!(table.iter().all(|line| line["rows"].as_u64().unwrap() > 0), "{found}");
    let text = plan(&["--beside", "whisper=2.5MB,other=1MB", "--reserve", "1MB"]).ok().stdout;
    assert!(text.contains("beside whisper: 2.38 MiB") && text.contains("4.29 MiB left to others"), "{text}");

    // What is left to others by settings is told like what is given here.
    place.file("settings.toml", "[memory]\nreserved = \"3MiB\"\n");
    let text = plan(&["--config", "settings.toml"]).ok().stdout;
    assert!(text.contains("3.00 MiB left to others"), "{text}");
}

#[test]
fn a_plan_for_what_cannot_be_is_refused_with_the_value_and_what_to_do() {
    let place = Place::new();
    let model = bert_mean();
    let plan = |others: &[&str]| place.run(&[&["plan", "--model", &model], others].concat());
    for arguments in [
        &["--reserve", "900TB"][..],
        &["--beside", "whisper=600TB,reranker=300TB"],
        &["--reserve", "600TB", "--beside", "whisper=300TB"],
    ] {
        let outcome = plan(arguments);
        let error = outcome.error();
        assert!(error.contains("818.55 TiB are to be left to others, there are "), "{error}");
        assert!(
            error.contains("lower `memory.reserved`, in which `--reserve` and `--beside` count"),
            "{error}"
        );
    }
    for (option, value, words) in [
        ("--beside", "whisper", "`whisper` is not a name and a size such as `whisper=2.5GB`"),
        ("--beside", "=2GB", "`=2GB` is not a name and a size such as `whisper=2.5GB`"),
        ("--beside", "whisper=-2GB", "`-2GB` is not a number of bytes such as `512MiB` or `9GB`"),
        ("--beside", "whisper=much", "`much` is not a number of bytes such as `512MiB` or `9GB`"),
        ("--reserve", "9 apples", "`9 apples` is not a number of bytes such as `512MiB` or `9GB`"),
        ("--reserve", "99999999999TB", "`99999999999TB` is not a number of bytes such as"),
    ] {
        let outcome = plan(&[&format!("{option}={value}")]);
        assert_eq!(outcome.code, Some(2), "{option} {value}");
        assert!(outcome.stderr.contains(words) && outcome.stderr.contains(option), "{}", outcome.stderr);
    }
}

#[test]
fn factors_that_are_none_are_refused() {
    let place = Place::new();
    let model = bert_mean();
    place.file("texts.txt", "the bridge\n");
    for (table, name, value, words) in [
        ("memory", "safety_factor", "0", "cannot be `0`, only a number above 0, at most 1"),
        ("memory", "safety_factor", "-1", "cannot be `-1`, only a number above 0, at most 1"),
        ("memory", "safety_factor", "nan", "only a number above 0, at most 1"),
        ("memory", "fraction", "1.5", "cannot be `1.5`, only a number above 0, at most 1"),
        ("memory", "pressure_threshold", "0", "cannot be `0`, only a number above 0, at most 1"),
        ("memory", "leak_tolerance", "-0.5", "cannot be `-0.5`, only a number above 0, at most 1"),
        ("memory.growth", "factor", "1", "cannot be `1`, only a number above 1, at most 10"),
        ("memory.growth", "factor", "-2", "cannot be `-2`, only a number above 1, at most 10"),
        ("memory.growth", "below", "0", "cannot be `0`, only a number above 0, at most 1"),
        ("memory", "trim_every", "0", "cannot be `0`, only a whole number from 1"),
        ("memory.growth", "after", "0", "cannot be `0`, only a whole number from 1"),
        ("memory", "reserved", "\"-9GB\"", "only a number of bytes, or a size such as `512MiB` or `9GB`"),
    ] {
        place.file("settings.toml", format!("[{table}]\n{name} = {value}\n"));
        for command in [&["embed", "texts.txt"][..], &["plan"]] {
            let outcome = place.run(&[command, &["--model", &model, "--config", "settings.toml"]].concat());
            let error = outcome.error();
            assert!(error.contains(&format!("{table}.{name}")) && error.contains(words), "{error}");
            assert!(error.contains("settings.toml:2"), "{error}");
        }
    }
}

#[test]
fn a_run_of_many_batches_leaves_a_profile_and_a_broken_one_does_no_harm() {
    let place = Place::new();
    place.file("texts.txt", long_texts(300));
    let run =
        || place.embed(&["texts.txt", "-o", "out.npy", "--batch-tokens", "600", "--max-length", "128"]).ok();
    assert_eq!(place.run(&["profile", "list"]).ok().stdout, "");
    run();
    let list: Value = serde_json::from_str(&place.run(&["profile", "list", "--json"]).ok().stdout).unwrap();
    let path = list[0]["path"].as_str().unwrap().to_owned();
    assert_eq!(list[0]["key"]["backend"], "cpu");
    assert!(place.run(&["profile", "show", "bert-mean"]).ok().stdout.contains("tokens/s"));
    assert!(place.run(&["profile", "show", "nothing"]).error().contains("there is no profile of `nothing`"));
    let exported: Value = serde_json::from_str(&place.run(&["profile", "export"]).ok().stdout).unwrap();
    assert!(exported[0]["learnt"]["curve"][0]["batches"].as_u64().unwrap() > 1);

    fs::write(&path, "not a profile").unwrap();
    let outcome = run();
    assert!(outcome.stderr.contains("a broken profile is moved aside"), "{}", outcome.stderr);
    assert!(fs::read_to_string(path.replace(".json", ".corrupt")).unwrap().contains("not a profile"));
    assert!(place.run(&["profile", "clear"]).ok().stderr.contains("2 files removed"));
}

#[test]
fn the_monitor_prints_samples() {
    let place = Place::new();
    let outcome = place.run(&["monitor", "--json", "--interval", "0.05s", "--samples", "3"]).ok();
    let samples: Vec<Value> =
        outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(samples.len(), 3);
    assert!(samples[0]["seconds"].as_f64().unwrap() < samples[2]["seconds"].as_f64().unwrap());
    if cfg!(target_os = "linux") {
        assert!(samples[0]["host"]["process"]["resident"].as_u64().unwrap() > 1 << 20);
        assert!(samples[0]["host"]["headroom"]["limit"].as_u64().unwrap() > 0);
    }
    assert_eq!(place.run(&["monitor", "--interval", "0"]).code, Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn a_broken_library_of_graphics_cards_is_told_and_the_rest_is_watched() {
    let place = Place::new();
    place.file("libraries/libnvidia-ml.so.1", "no library");
    let mut command = place.command(&["monitor", "--json", "--interval", "0.05s", "--samples", "2"]);
    command.env("LD_LIBRARY_PATH", place.path("libraries"));
    let outcome = place.outcome(&command.output().unwrap()).ok();
    assert_eq!(outcome.stdout.lines().count(), 2);
    let told = "NVIDIA's management library does not work";
    assert_eq!(outcome.stderr.matches(told).count(), 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("nvidia-smi"), "{}", outcome.stderr);
}

#[test]
fn a_sweep_leaves_settings_and_a_profile_even_where_two_run_at_once() {
    let place = Place::new();
    let words = ["a quiet library", "the bridge near the harbour", "more"];
    let texts: String = (0..400).map(|row| words[row % 3].repeat(1 + row % 5) + "\n").collect();
    place.file("texts.txt", texts);
    let model = bert_mean();
    let arguments = |output| {
        [
            "tune",
            "--model",
            &model,
            "--texts",
            "texts.txt",
            "--seconds",
            "1",
            "--threads",
            "2",
            "--json",
            "-o",
            output,
        ]
        .map(str::to_owned)
    };
    let started = ["one.toml", "two.toml"].map(|output| {
        let mut command = place.command(&[]);
        command
            .args(arguments(output))
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    });
    for process in started {
        let outcome = place.outcome(&process.wait_with_output().unwrap()).ok();
        let found: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let trials = found["trials"].as_array().unwrap();
        // 7 sizes, with and without a bound of rows, for 3 ways to share 2 threads.
        assert_eq!((trials.len(), &found["texts"]), (42, &json!(400)));
        let rate = |trial: &Value| trial["tokens_per_s"].as_f64().unwrap();
        assert!(trials.iter().all(|trial| rate(trial) > 0.0), "{found}");
        assert_eq!(found["best"], trials[0]);
        assert_eq!(
            trials[0]["rounds"],
            trials.iter().map(|trial| trial["rounds"].as_u64().unwrap()).max().unwrap()
        );
    }
    let list: Value = serde_json::from_str(&place.run(&["profile", "list", "--json"]).ok().stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1);
    // The fragment is a file of settings as it is.
    place.embed(&["texts.txt", "-o", "out.npy", "--config", "one.toml"]).ok();
    let shown = place
        .run(&["tune", "--model", &model, "--texts", "texts.txt", "--seconds", "1", "--threads", "1"])
        .ok();
    assert!(shown.stdout.contains("batch tokens") && shown.stdout.contains("####"), "{}", shown.stdout);
    assert!(shown.stdout.contains("[batching]\nmax_tokens = "), "{}", shown.stdout);
}
