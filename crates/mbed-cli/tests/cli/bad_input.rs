//! Bad input: a clear error with a hint, an exit code that is not 0, no panic, nothing half-written.

use std::fs;
use std::path::Path;

use crate::support::{Place, fixture};

#[test]
fn invalid_utf8_is_named_by_file_and_byte() {
    let place = Place::new();
    place.file("bad.txt", b"good\nb\xffd\nalso good\n");
    let outcome = place.embed(&["bad.txt", "-o", "out.jsonl"]);
    let error = outcome.error();
    assert!(error.contains("bad.txt") && error.contains("byte 6"), "{error}");
    assert!(error.contains("--invalid-utf8 replace"), "{error}");
    assert_eq!(place.names(), ["bad.txt"]);

    place.embed(&["bad.txt", "-o", "out.jsonl", "--invalid-utf8", "replace"]).ok();
    let written = fs::read_to_string(place.path("out.jsonl")).unwrap();
    assert_eq!(written.lines().count(), 3);
    assert!(written.contains("b\u{fffd}d"));
    let outcome = place.embed(&["bad.txt", "-o", "out.jsonl", "--invalid-utf8", "skip", "--json"]).ok();
    assert!(outcome.stdout.contains("\"rows\":2") && outcome.stdout.contains("\"skipped_rows\":1"));
}

#[test]
fn a_missing_column_is_named_with_those_that_exist() {
    let place = Place::new();
    place.file("rows.csv", "id,body\n1,hello\n");
    let outcome = place.embed(&["rows.csv", "--text-column", "content", "-o", "out.parquet"]);
    let error = outcome.error();
    assert!(error.contains("`content`") && error.contains("body"), "{error}");
}

#[test]
fn a_truncated_parquet_file_is_named() {
    let place = Place::new();
    place.file("texts.txt", "one\ntwo\nthree\n");
    place.embed(&["texts.txt", "-o", "whole.parquet"]).ok();
    let whole = fs::read(place.path("whole.parquet")).unwrap();
    place.embed(&["whole.parquet", "-o", "again.npy"]).ok();
    for length in [0, 3, 100, whole.len() / 2, whole.len() - 1] {
        place.file("cut.parquet", &whole[..length]);
        let outcome = place.embed(&["cut.parquet", "-o", "out.npy"]);
        assert!(outcome.error().contains("cut.parquet"), "{}", outcome.stderr);
    }
    assert_eq!(place.names(), ["again.npy", "cut.parquet", "texts.txt", "whole.parquet"]);
}

/// Embeds with a copy of `bert-mean` that `spoil` has changed, and gives the error.
fn with_spoilt_model(spoil: impl FnOnce(&Path)) -> String {
    let place = Place::new();
    place.file("texts.txt", "one\n");
    let model = place.model("bert-mean");
    spoil(&model);
    let outcome = place.run(&["embed", "--model", "model", "texts.txt", "-o", "out.npy"]);
    assert!(!place.path("out.npy").exists());
    outcome.error().to_owned()
}

#[test]
fn damaged_weights_are_named() {
    let whole = fs::read(fixture("bert-mean/model.safetensors")).unwrap();
    for length in [0, 7, 1000, whole.len() - 1] {
        let error =
            with_spoilt_model(|model| fs::write(model.join("model.safetensors"), &whole[..length]).unwrap());
        assert!(error.contains("model.safetensors"), "{error}");
        assert!(error.contains("hint: "), "{error}");
    }
}

#[test]
fn an_unknown_architecture_lists_those_that_are_known() {
    let error = with_spoilt_model(|model| {
        let config = fs::read_to_string(model.join("config.json")).unwrap();
        fs::write(model.join("config.json"), config.replace("\"bert\"", "\"hyperbert\"")).unwrap();
    });
    assert!(error.contains("no backend here runs the architecture `hyperbert`"), "{error}");
    assert!(error.contains("hint: architectures with an encoder spec") && error.contains("bert"), "{error}");
}

#[test]
fn a_tensor_of_another_shape_is_named() {
    let error = with_spoilt_model(|model| {
        let config = fs::read_to_string(model.join("config.json")).unwrap();
        let config = config.replace("\"intermediate_size\": 128", "\"intermediate_size\": 256");
        fs::write(model.join("config.json"), config).unwrap();
    });
    insta::assert_snapshot!(error, @r"
    error: the weights in `model` do not fit its configuration
      caused by: tensor `encoder.layer.0.intermediate.dense.weight` has shape [128, 64], the configuration asks for [256, 64]
    hint: the file may be cut short or changed: `mbed model verify` checks it, `mbed model pull --force` fetches it again
    ");
}

#[test]
fn a_tokenizer_with_more_tokens_than_the_model_is_refused() {
    let error = with_spoilt_model(|model| {
        let tokenizer = fs::read_to_string(model.join("tokenizer.json")).unwrap();
        let (before, after) = tokenizer.split_once("\"vocab\": {").unwrap();
        fs::write(model.join("tokenizer.json"), format!("{before}\"vocab\": {{ \"zzz\": 1200, {after}"))
            .unwrap();
    });
    insta::assert_snapshot!(error, @r"
    error: `model/tokenizer.json` has a token with id 1200, the model's embedding table has 1200 rows
    hint: tokenizer.json and model.safetensors are not of the same model
    ");
}

#[test]
fn an_output_that_cannot_be_written_is_an_error_before_anything_is_computed() {
    let place = Place::new();
    place.file("texts.txt", "one\n");
    place.file("file", "");
    for output in ["missing/out.npy", "file/out.npy"] {
        let outcome = place.embed(&["texts.txt", "-o", output]);
        assert!(outcome.error().contains(output.split('/').next().unwrap()), "{}", outcome.stderr);
    }
    let outcome = place.embed(&["texts.txt", "-o", "out.xyz"]);
    assert!(outcome.error().contains("parquet"), "{}", outcome.stderr);
    let outcome = place.embed(&["texts.txt", "-o", "texts.txt", "--format", "jsonl"]);
    assert!(outcome.error().contains("texts.txt"), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(place.path("texts.txt")).unwrap(), "one\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_with_a_hint() {
    let place = Place::new();
    place.file("texts.txt", "one\n".repeat(3000));
    for format in ["jsonl", "npy", "parquet", "arrow"] {
        let outcome = place.embed(&["texts.txt", "-o", "/dev/full", "--format", format]);
        let error = outcome.error();
        assert!(error.contains("/dev/full") && error.contains("hint: "), "{error}");
    }
}

#[test]
fn a_text_that_is_too_long_can_be_an_error_that_names_it() {
    let place = Place::new();
    place.file("texts.txt", format!("short\n{}\n", "long ".repeat(500)));
    let outcome = place.embed(&["texts.txt", "--overflow", "error", "-o", "out.npy"]);
    let error = outcome.error();
    assert!(error.contains("texts.txt:2") && error.contains("128 tokens"), "{error}");
    assert_eq!(place.names(), ["texts.txt"]);
}

#[test]
fn backends_and_precisions_that_cannot_be_had_are_refused_by_name() {
    let place = Place::new();
    place.file("texts.txt", "one\n");
    let outcome = place.embed(&["texts.txt", "--backend", "abacus"]);
    insta::assert_snapshot!(outcome.error(), @"error: flag --backend: `runtime.backend` cannot be `\"abacus\"`, only one of `auto`, `cpu`, `onnx`, `cuda`, `candle`");
    let outcome = place.embed(&["texts.txt", "--precision", "tf32"]);
    let error = outcome.error();
    // What it can run in is a matter of the machine.
    assert!(error.starts_with("error: `cpu:0` cannot run in `tf32`\nhint: it can run in "), "{error}");
    assert!(error.contains("f32") && error.trim_end().ends_with("; `auto` takes the first"), "{error}");
    let outcome = place.embed(&["texts.txt", "--precision", "f64"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("unknown precision `f64`"), "{}", outcome.stderr);
}

#[test]
fn a_model_that_is_nowhere_names_each_source() {
    let place = Place::new();
    place.file("texts.txt", "one\n");
    let outcome = place.run(&["embed", "texts.txt", "--model", "nobody/nothing"]);
    let error = outcome.error();
    assert!(error.contains("`nobody/nothing`") && error.contains("HF_HUB_OFFLINE=1"), "{error}");
    let outcome = place.run(&["embed", "texts.txt", "--model", "./nowhere"]);
    assert!(outcome.error().contains("nowhere"), "{}", outcome.stderr);
}
