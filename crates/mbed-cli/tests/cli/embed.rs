//! `mbed embed` where all goes well.

use std::fs;

use serde_json::Value;

use crate::support::{Place, fixture};

/// The vectors of `golden.npy`: a header of 128 bytes at most, then float32, row-major.
fn golden() -> Vec<Vec<f32>> {
    npy(&fs::read(fixture("bert-mean/golden.npy")).unwrap(), 64)
}

fn npy(bytes: &[u8], dimensions: usize) -> Vec<Vec<f32>> {
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let values: Vec<f32> = bytes[10 + header..]
        .chunks_exact(4)
        .map(|value| f32::from_le_bytes(value.try_into().unwrap()))
        .collect();
    values.chunks(dimensions).map(<[f32]>::to_vec).collect()
}

fn golden_texts() -> Vec<String> {
    let file = fs::read(fixture("bert-mean/golden.json")).unwrap();
    let golden: Value = serde_json::from_slice(&file).unwrap();
    golden["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn assert_close(got: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(got.len(), expected.len());
    for (row, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert_eq!(got.len(), expected.len());
        for (a, b) in got.iter().zip(expected) {
            assert!((a - b).abs() <= 1e-5, "row {row}: {a} instead of {b}");
        }
    }
}

#[test]
fn vectors_are_those_of_the_reference() {
    let place = Place::new();
    let lines: String = golden_texts()
        .iter()
        .map(|text| serde_json::json!({ "text": text, "n": text.len() }).to_string() + "\n")
        .collect();
    place.file("texts.jsonl", lines);
    place.embed(&["texts.jsonl", "-o", "out.npy", "--precision", "f32"]).ok();
    assert_close(&npy(&fs::read(place.path("out.npy")).unwrap(), 64), &golden());

    let small = ["texts.jsonl", "--batch-tokens", "40", "--threads", "1", "--precision", "f32"];
    let outcome = place.embed(&small).ok();
    let rows: Vec<Value> = outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (row, text) in rows.iter().zip(golden_texts()) {
        assert_eq!(row["text"], text.as_str());
        assert_eq!(row["n"], text.len());
    }
    let vectors: Vec<Vec<f32>> =
        rows.iter().map(|row| serde_json::from_value(row["embedding"].clone()).unwrap()).collect();
    assert_close(&vectors, &golden());
    let first = npy(&fs::read(place.path("out.npy")).unwrap(), 64);
    assert_eq!(vectors, first, "the same bits in any batch, on any number of threads");
}

#[test]
fn the_summary_is_one_json_object_with_the_promised_fields() {
    let place = Place::new();
    place.file("texts.txt", "the bridge\n\na quiet library and more\n");
    let outcome = place
        .embed(&[
            "texts.txt",
            "-o",
            "out.parquet",
            "--json",
            "--quiet",
            "--max-length",
            "4",
            "--precision",
            "f32",
        ])
        .ok();
    assert_eq!(outcome.stderr, "");
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(summary["rows"], 3);
    assert_eq!(summary["truncated_rows"], 1);
    assert_eq!(summary["backend"], "cpu");
    assert_eq!(summary["device"], "cpu:0");
    assert_eq!(summary["precision"], "f32");
    for number in ["tokens", "seconds", "load_seconds", "texts_per_s", "tokens_per_s", "peak_memory_bytes"] {
        assert!(summary[number].as_f64().unwrap() > 0.0, "{number}");
    }
    // On standard output the vectors are the data, so the summary goes to standard error.
    let outcome = place.embed(&["texts.txt", "--json", "--quiet"]).ok();
    assert_eq!(outcome.stdout.lines().count(), 3);
    assert_eq!(serde_json::from_str::<Value>(&outcome.stderr).unwrap()["rows"], 3);
}

#[test]
fn a_blank_line_is_a_row_and_markdown_is_one_text_a_file() {
    let place = Place::new();
    place.file("docs/a.md", "# Title\n\nBody\n");
    place.file("docs/b.txt", "one\n\nthree");
    place.file("docs/c.bin", "not a text");
    let outcome = place.embed(&["docs"]).ok();
    let rows: Vec<Value> = outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let texts: Vec<&str> = rows.iter().map(|row| row["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["# Title\n\nBody\n", "one", "", "three"]);
    assert_eq!(rows[3]["line"], 3);
    assert!(outcome.stderr.contains("1 files of other formats"), "{}", outcome.stderr);
}

#[test]
fn dimensions_are_cut_and_scaled_again() {
    let place = Place::new();
    place.file("texts.txt", "the bridge near the harbour\n");
    let row = |arguments: &[&str]| -> Vec<f64> {
        let outcome = place.embed(&[&["texts.txt"], arguments].concat()).ok();
        let row: Value = serde_json::from_str(&outcome.stdout).unwrap();
        serde_json::from_value(row["embedding"].clone()).unwrap()
    };
    let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
    let whole = row(&[]);
    let cut = row(&["--dimensions", "16"]);
    let kept = length(&whole[..16]);
    assert!((length(&cut) - 1.0).abs() < 1e-6);
    for (a, b) in cut.iter().zip(&whole) {
        assert!((a - b / kept).abs() < 1e-6);
    }
    let raw = row(&["--normalize", "no"]);
    let raw_length = length(&raw);
    assert!((raw_length - 1.0).abs() > 1e-3);
    for (a, b) in raw.iter().zip(&whole) {
        assert!((a / raw_length - b).abs() < 1e-5);
    }
}

#[test]
fn prompts_are_put_before_each_text() {
    let place = Place::new();
    place.file("plain.txt", "find this: the bridge\n");
    place.file("short.txt", "the bridge\n");
    let vector = |outcome: &str| serde_json::from_str::<Value>(outcome).unwrap()["embedding"].clone();
    let whole = place.embed(&["plain.txt"]).ok().stdout;
    let prompted = place.embed(&["short.txt", "--prompt", "find this: "]).ok().stdout;
    assert_eq!(vector(&whole), vector(&prompted));
    let outcome = place.embed(&["short.txt", "--prompt-name", "search"]);
    insta::assert_snapshot!(outcome.error(), @r"
    error: the model has no prompt named `search`
    hint: it has: document, query
    ");
}

#[test]
fn a_line_of_100_megabytes_is_one_row() {
    let place = Place::new();
    let mut text = "many words in a line without an end ".repeat(100 * 1024 * 1024 / 36);
    text.push_str("\nx\n");
    place.file("long.txt", text);
    let outcome = place.embed(&["long.txt", "-o", "out.npy", "--json"]).ok();
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&summary["rows"], &summary["truncated_rows"]), (&Value::from(2), &Value::from(1)));
    assert!(summary["peak_memory_bytes"].as_u64().unwrap() < 1 << 30);
}
