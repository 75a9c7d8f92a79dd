//! `mbed chunk`, and `mbed embed` with chunks.

use serde_json::{Value, json};

use crate::support::{Place, bert_mean, fixture};

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const GUIDE: &str = "# Boats\n\nA boat is at sea.\n\n## Nets\n\nA net is in the boat. It is wet.\n";

#[test]
fn chunks_say_where_they_are() {
    let place = Place::new();
    place.file("guide.md", GUIDE);
    place.file("plain.txt", "One line.\nAnd another.\n");
    let arguments = ["chunk", "guide.md", "plain.txt", "--strategy", "markdown", "--size", "50c"];
    let rows = rows(&place.run(&arguments).ok().stdout);
    let got: Vec<String> =
        rows.iter().map(|row| format!("{} {} {}", row["document"], row["chunk"], row["headings"])).collect();
    let expected =
        ["\"guide.md\" 0 [\"Boats\"]", "\"guide.md\" 1 [\"Boats\",\"Nets\"]", "\"plain.txt\" 0 []"];
    assert_eq!(got, expected);
    let spans: String = rows[..2].iter().map(|row| row["text"].as_str().unwrap()).collect();
    assert_eq!(spans, GUIDE);
}

#[test]
fn the_summary_says_what_was_cut() {
    let place = Place::new();
    place.file("guide.md", GUIDE);
    let arguments = ["chunk", "guide.md", "--strategy", "hierarchical", "--size", "40c", "--json"];
    let to_file = place.run(&[&arguments[..], &["-o", "chunks.jsonl"]].concat()).ok();
    let summary: Value = serde_json::from_str(&to_file.stdout).unwrap();
    let chunks = rows(&std::fs::read_to_string(place.path("chunks.jsonl")).unwrap());
    assert_eq!((&summary["documents"], &summary["chunks"]), (&Value::from(1), &Value::from(chunks.len())));
    // Two levels, each of which is the whole text.
    assert_eq!(summary["text_bytes"], 2 * GUIDE.len());
    assert!(chunks.iter().all(|chunk| (chunk["level"] == 0) == chunk["parent"].is_null()));
    let to_stdout = place.run(&arguments).ok();
    assert_eq!(rows(&to_stdout.stdout), chunks);
    assert_eq!(serde_json::from_str::<Value>(&to_stdout.stderr).unwrap()["chunks"], chunks.len());
}

#[test]
fn embedded_chunks_are_those_that_are_shown() {
    let place = Place::new();
    place.file(
        "rows.jsonl",
        "{\"id\": \"a\", \"text\": \"one two three four five\"}\n{\"id\": \"b\", \"text\": \"six\"}\n",
    );
    let chunks = ["chunk", "rows.jsonl", "--id-column", "id", "--size", "2w", "--overlap", "1", "--quiet"];
    let shown = rows(&place.run(&chunks).ok().stdout);
    let embed = [
        "rows.jsonl",
        "--id-column",
        "id",
        "--chunk",
        "recursive",
        "--chunk-size",
        "2w",
        "--chunk-overlap",
        "1",
        "--json",
    ];
    let outcome = place.embed(&embed).ok();
    let mut embedded = rows(&outcome.stdout);
    for row in &mut embedded {
        let vector = row.as_object_mut().unwrap().remove("embedding").unwrap();
        assert_eq!(vector.as_array().unwrap().len(), 64);
    }
    assert_eq!(embedded, shown);
    assert_eq!(shown.len(), 5);
    let summary: Value = serde_json::from_str(outcome.stderr.trim()).unwrap();
    assert_eq!((&summary["documents"], &summary["rows"]), (&Value::from(2), &Value::from(5)));
}

#[test]
fn sizes_follow_the_model_where_nobody_says_them() {
    let place = Place::new();
    place.file("long.txt", "the bridge near the harbour. ".repeat(200));
    let model = bert_mean();
    let outcome = place.run(&["chunk", "long.txt", "--model", &model, "--max-length", "32"]).ok();
    let outcome = (
        rows(&outcome.stdout).len(),
        place.embed(&["long.txt", "--chunk", "recursive", "--max-length", "32", "--json"]).ok(),
    );
    let summary: Value = serde_json::from_str(outcome.1.stderr.trim()).unwrap();
    assert_eq!(summary["rows"], outcome.0);
    assert_eq!(summary["truncated_rows"], 0);
    assert!(outcome.0 > 30);
}

#[test]
fn meaning_is_found_with_the_model() {
    let place = Place::new();
    let text = "A boat is at sea. ".repeat(12) + &"The library is quiet. ".repeat(12);
    place.file("topics.txt", &text);
    let model = bert_mean();
    let arguments = ["chunk", "topics.txt", "--strategy", "semantic", "--size", "2000c", "--model", &model];
    let rows = rows(&place.run(&arguments).ok().stdout);
    let joined: String = rows.iter().map(|row| row["text"].as_str().unwrap()).collect();
    assert_eq!(joined, text);
    assert!(rows.len() > 1);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let place = Place::new();
    place.file("a.txt", "a");
    let outcome = place.run(&["chunk", "a.txt", "--size", "8c", "--overlap", "8"]);
    let expected = "error: an overlap of 8 is not less than the size of a chunk, 8\nhint: `--overlap` is in the unit of `--size`";
    assert_eq!(outcome.error(), expected);
    let outcome =
        place.run(&["chunk", "a.txt", "--strategy", "hierarchical", "--size", "3c", "--levels", "3"]);
    let expected = "error: 3 levels, each with a quarter of the one above it, do not fit into a size of 3\n\
                    hint: make `chunking.size` larger or `chunking.levels` fewer";
    assert_eq!(outcome.error(), expected);
    place.file("taken.jsonl", "{\"text\": \"a\", \"chunk\": 1}\n");
    let outcome = place.run(&["chunk", "taken.jsonl", "--size", "8c"]);
    assert!(outcome.error().starts_with("error: "), "{}", outcome.error());
    assert!(outcome.error().contains("`chunk`"), "{}", outcome.error());
    let outcome = place.run(&["chunk", "a.txt", "--size", "8x"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("`8x` is not a size"), "{}", outcome.stderr);
    let outcome = place.run(&["chunk", "a.txt", "--strategy", "clever"]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("character, recursive, markdown, semantic, hierarchical, hybrid"),
        "{}",
        outcome.stderr
    );
    let outcome = place.run(&["chunk", "a.txt", "-o", "a.npy", "--size", "8c"]);
    let expected = "error: npy cannot hold vectors as none\nhint: Parquet and Arrow hold every type";
    assert_eq!(outcome.error(), expected);
}

#[test]
fn late_chunks_have_the_vectors_of_the_reference() {
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(fixture("../late.json")).unwrap()).unwrap();
    for case in &cases {
        let place = Place::new();
        place.file("one.jsonl", json!({ "text": case["text"] }).to_string());
        let model = fixture(case["model"].as_str().unwrap());
        let (model, size) = (model.to_str().unwrap(), format!("{}c", case["size"]));
        let mut arguments = vec!["embed", "one.jsonl", "--model", model, "--precision", "f32", "--json"];
        arguments.extend(["--chunk", "character", "--chunk-size", &size, "--late"]);
        arguments.extend(["--prompt", case["prompt"].as_str().unwrap()]);
        let length = case["max_length"].to_string();
        if !case["max_length"].is_null() {
            arguments.extend(["--max-length", &length]);
        }
        for backend in ["cpu", "candle"] {
            let outcome = place.run(&[&arguments[..], &["--backend", backend]].concat()).ok();
            let got: Vec<Vec<f64>> = rows(&outcome.stdout).iter().map(vector).collect();
            let expected: Vec<Vec<f64>> = case["vectors"].as_array().unwrap().iter().map(numbers).collect();
            assert_eq!(got.len(), expected.len());
            for (chunk, (got, expected)) in got.iter().zip(&expected).enumerate() {
                let apart = got
                    .iter()
                    .zip(expected)
                    .map(|(got, expected)| (got - expected).abs())
                    .fold(0.0, f64::max);
                assert!(apart < 2e-5, "{backend}, {}, chunk {chunk}: {apart}", case["model"]);
            }
            let summary: Value = serde_json::from_str(outcome.stderr.trim()).unwrap();
            let is_split = case["windows"].as_u64().unwrap() > 1;
            assert_eq!(summary["split_documents"], u64::from(is_split), "{}", case["model"]);
            assert_eq!(summary["truncated_rows"], 0);
        }
    }
}

fn vector(row: &Value) -> Vec<f64> {
    numbers(&row["embedding"])
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn late_chunks_do_not_depend_on_windows_or_on_other_documents() {
    let place = Place::new();
    let text = |number: usize| format!("Text {number} tells of a bridge. ").repeat(1 + number % 7);
    let lines = (0..40).map(|number| json!({ "text": text(number) }).to_string() + "\n");
    place.file("many.jsonl", lines.collect::<String>());
    place.file("empty.jsonl", "{\"text\": \"\"}\n{\"text\": \"a. b. c. \"}\n");
    let chunks = ["--chunk", "hierarchical", "--chunk-size", "90c", "--late", "--backend", "cpu"];
    let all = rows(&place.embed(&[&["many.jsonl"], &chunks[..]].concat()).ok().stdout);
    let set = ["--config", "small.toml"];
    place.file("small.toml", "[batching]\nwindow_rows = 3\n");
    let windowed = rows(&place.embed(&[&["many.jsonl"], &chunks[..], &set].concat()).ok().stdout);
    assert!(all.len() > 100);
    assert_eq!(all, windowed);
    // A document without text is embedded as it would be without chunks.
    let late = rows(&place.embed(&[&["empty.jsonl"], &chunks[..]].concat()).ok().stdout);
    let whole = rows(&place.embed(&["empty.jsonl", "--backend", "cpu"]).ok().stdout);
    assert_eq!(late[0]["embedding"], whole[0]["embedding"]);
    assert_ne!(late[1]["embedding"], whole[1]["embedding"]);
}

#[test]
fn late_chunks_that_cannot_be_are_refused() {
    let place = Place::new();
    place.file("a.md", "the bridge near the harbour. ".repeat(20));
    let check = |arguments: &[&str], expected: &str| {
        let outcome = place.embed(&[&["a.md", "--late", "--quiet"], arguments].concat());
        assert_eq!(outcome.error(), expected);
    };
    check(
        &[],
        "error: late chunking pools chunks, and no strategy makes any\n\
         hint: `--chunk recursive --chunk-size 256t` cuts documents into chunks",
    );
    let chunk = ["--chunk", "character", "--chunk-size"];
    check(
        &[&chunk[..], &["40t", "--max-length", "32"]].concat(),
        "error: the text of a.md could not be tokenised\n  caused by: a chunk of 40 tokens is longer than the 30 that the model reads at \
         once\nhint: make chunks smaller with `--chunk-size`, or embed each by itself, without `--late`",
    );
    check(
        &[&chunk[..], &["20t", "--max-length", "32", "--overflow", "error"]].concat(),
        "error: the text of a.md has more than 32 tokens\n\
         hint: `--overflow truncate` embeds the first tokens and counts such rows; `--max-length` raises the limit where the \
         model has more positions",
    );
    let first = fixture("modernbert-published");
    let outcome =
        place.run(&["embed", "a.md", "--model", first.to_str().unwrap(), "--chunk", "recursive", "--late"]);
    assert!(
        outcome
            .error()
            .contains("it takes the vector of the first token, which every chunk of a text shares")
    );
}

#[test]
fn meaning_cuts_where_the_reference_does() {
    let reference: Value =
        serde_json::from_slice(&std::fs::read(fixture("../semantic.json")).unwrap()).unwrap();
    let place = Place::new();
    place.file("one.jsonl", json!({ "text": reference[0]["text"] }).to_string());
    let model = bert_mean();
    for case in reference[0]["cases"].as_array().unwrap() {
        let (threshold, buffer) = (case["threshold"].as_str().unwrap(), case["buffer"].to_string());
        let mut arguments =
            vec!["chunk", "one.jsonl", "--strategy", "semantic", "--size", "9999c", "--model", &model];
        arguments.extend(["--threshold", threshold, "--buffer", &buffer, "--precision", "f32"]);
        let ends: Vec<Value> =
            rows(&place.run(&arguments).ok().stdout).iter().map(|row| row["end"].clone()).collect();
        assert_eq!(Value::Array(ends), case["ends"], "{threshold} with {buffer} beside");
    }
}
