//! `mbed chunk`, and `mbed embed` with chunks.

use serde_json::Value;

use crate::support::{Place, bert_mean};

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
    let outcome = place.run(&["chunk", "a.txt", "-o", "a.npy", "--size", "8c"]);
    let expected = "error: npy cannot hold vectors as none\nhint: Parquet and Arrow hold every type";
    assert_eq!(outcome.error(), expected);
}
