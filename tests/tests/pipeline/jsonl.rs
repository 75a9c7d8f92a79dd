//! JSON objects, and the types of their keys.

use arrow_schema::DataType;
use mbed_pipeline::{JSON_TEXT, PipelineError, ReadOptions, Reader, plan_inputs};
use rstest::rstest;

use crate::support::{Folder, column, count, hint, open, read, read_error, some, texts, windows};

/// A JSONL file whose records have `values` under `k`; `absent` leaves the key out.
fn lines(values: &[&str]) -> String {
    let line = |value: &&str| match *value {
        "absent" => "{\"text\": \"t\"}\n".to_owned(),
        value => format!("{{\"text\": \"t\", \"k\": {value}}}\n"),
    };
    values.iter().map(line).collect()
}

#[rstest]
#[case::nulls(&["null", "null"], DataType::Null, false)]
#[case::booleans(&["true", "null", "false"], DataType::Boolean, false)]
#[case::integers(&["1", "-9223372036854775808", "9223372036854775807"], DataType::Int64, false)]
#[case::floats(&["1.5", "-0", "1e3"], DataType::Float64, false)]
#[case::exact_integers_and_floats(&["9007199254740992", "0.5"], DataType::Float64, false)]
#[case::inexact_integers_and_floats(&["9007199254740993", "0.5"], DataType::Utf8, true)]
#[case::too_large_for_64_bits(&["1", "9223372036854775808"], DataType::Utf8, true)]
#[case::too_large_for_binary64(&["0.5", "1e999"], DataType::Utf8, true)]
#[case::strings(&["\"a\"", "null", "\"\""], DataType::Utf8, false)]
#[case::mixed(&["1", "\"a\""], DataType::Utf8, true)]
#[case::booleans_and_numbers(&["true", "1"], DataType::Utf8, true)]
#[case::nested(&["{\"b\": [1, 2.0]}", "null", "[]"], DataType::Utf8, true)]
fn the_type_of_a_key_holds_all_of_its_values(
    #[case] values: &[&str],
    #[case] expected: DataType,
    #[case] json: bool,
) {
    let folder = Folder::new();
    // The same in any order.
    let backwards: Vec<_> = values.iter().rev().copied().collect();
    for values in [values, &backwards] {
        let reader = open(&folder.file("a.jsonl", lines(values)), &ReadOptions::default()).unwrap();
        let schema = reader.schema();
        let field = schema.field_with_name("k").unwrap();
        assert_eq!(field.data_type(), &expected);
        assert_eq!(field.metadata().get(JSON_TEXT).map(String::as_str), json.then_some("true"));
        if json {
            let kept = column(&windows(reader).unwrap(), "k");
            let written: Vec<_> =
                values.iter().map(|value| (*value != "null").then(|| (*value).to_owned())).collect();
            assert_eq!(kept, written, "JSON is kept as it is written");
        }
    }
}

#[test]
fn keys_become_columns_in_the_order_they_appear_in_and_missing_ones_are_null() {
    let folder = Folder::new();
    let path = folder.file(
        "a.jsonl",
        "{\"n\": 1, \"text\": \"a\\u00e4\\ud83d\\ude00\\n\"}\n \t\n{\"text\": \"b\", \"b\": true, \"n\": 2, \"n\": 3}\n",
    );
    let reader = open(&path, &ReadOptions::default()).unwrap();
    assert_eq!(reader.total_rows(), Some(2), "blank lines are no records");
    let names: Vec<_> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["n", "text", "b"]);
    let windows = windows(reader).unwrap();
    assert_eq!(texts(&windows), ["aä😀\n", "b"]);
    assert_eq!(column(&windows, "n"), some(&["1", "3"]), "the last of two values counts");
    assert_eq!(column(&windows, "b"), [None, Some("true".to_owned())]);
    assert_eq!(windows[0].name(1), format!("{}:3", path.display()));
}

#[test]
fn all_files_share_their_types() {
    let folder = Folder::new();
    let paths = [folder.file("a.jsonl", lines(&["1"])), folder.file("b.jsonl", lines(&["2.5", "absent"]))];
    let mut options = ReadOptions::default();
    options.window_rows = count(2);
    let windows = windows(Reader::open(&plan_inputs(&paths, None).unwrap(), &options).unwrap()).unwrap();
    assert_eq!(windows.len(), 2);
    assert_eq!(column(&windows, "k"), [Some("1.0".to_owned()), Some("2.5".to_owned()), None]);
}

#[rstest]
#[case::no_object(
    "{\"text\": \"a\"}\n[1]\n",
    ":2` is not a JSON object: invalid type: sequence, expected an object"
)]
#[case::cut("{\"text\": \"a\n", ":1` is not a JSON object: ")]
#[case::two_on_a_line("{\"text\": \"a\"} {}\n", ":1` is not a JSON object: trailing characters at column 15")]
#[case::missing("{\"text\": \"a\"}\n\n{\"body\": \"b\"}\n", "the text column `text` is missing at `")]
#[case::null("{\"text\": \"a\"}\n{\"text\": null}\n", "the text column `text` is null at `")]
#[case::number("{\"text\": 1}\n", "the text column `text` is a number at `")]
#[case::list("{\"text\": [\"a\"]}\n", "the text column `text` is an array at `")]
#[case::half_a_pair(
    "{\"text\": \"\\ud83d\"}\n",
    "the text column `text` is a string with half of a surrogate pair at `"
)]
#[case::unclear("{\"a\": \"b\", \"c\": \"d\"}\n", "it is not clear which column holds the texts")]
fn what_is_no_record_is_named(#[case] content: &str, #[case] message: &str) {
    let folder = Folder::new();
    let path = folder.file("a.jsonl", content);
    // Already when the file is opened, before anything is computed.
    let error = open(&path, &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().contains(message), "{error}");
    assert!(!hint(&error).is_empty());
}

#[test]
fn a_bad_text_is_named_with_its_line_and_the_keys_there_are() {
    let folder = Folder::new();
    let path = folder.file("a.jsonl", "{\"body\": \"x\", \"id\": 1}\n{\"body\": 2, \"extra\": 3}\n");
    let mut options = ReadOptions::default();
    options.text_column = Some("body".to_owned());
    let error = read_error(&path, &options);
    let place = format!("`{}:2`", path.display());
    assert_eq!(
        error.to_string(),
        format!("the text column `body` is a number at {place}, it must be a string")
    );
    assert_eq!(hint(&error), "the keys seen are `body`, `id`, `extra`; `--text-column` chooses another");

    options.text_column = None;
    let only_string = folder.file("b.jsonl", "{\"body\": \"x\"}\n{\"id\": 1}\n");
    let error = read_error(&only_string, &options);
    assert!(error.to_string().contains("`body` is missing"), "{error}");
}

#[test]
fn ids_name_records_and_must_not_be_null() {
    let folder = Folder::new();
    let mut options = ReadOptions::default();
    options.id_column = Some("k".to_owned());
    let path = folder.file("a.jsonl", lines(&["17", "null"]));
    let error = read_error(&path, &options);
    assert_eq!(error.to_string(), format!("column `k` is null at `{}:2`", path.display()));
    let path = folder.file("a.jsonl", lines(&["17"]));
    assert_eq!(read(&path, &options).unwrap()[0].name(0), format!("id \"17\" ({}:1)", path.display()));
}

#[test]
fn keys_that_are_data_are_not_made_columns() {
    let folder = Folder::new();
    let lines =
        |keys| (0..keys).map(|key| format!("{{\"text\": \"t\", \"{key}\": 1}}\n")).collect::<String>();
    let error = read_error(&folder.file("a.jsonl", lines(4096)), &ReadOptions::default());
    assert!(error.to_string().ends_with("a.jsonl:4096` brings the number of keys over 4096"), "{error}");
    let reader = open(&folder.file("a.jsonl", lines(4095)), &ReadOptions::default()).unwrap();
    assert_eq!(reader.schema().fields().len(), 4096);
}

#[test]
fn an_empty_file_is_a_table_of_texts_without_rows() {
    let folder = Folder::new();
    let reader = open(&folder.file("a.jsonl", ""), &ReadOptions::default()).unwrap();
    assert_eq!(reader.total_rows(), Some(0));
    assert_eq!(reader.schema().field(0).name(), "text");
    assert!(windows(reader).unwrap().is_empty());
}

#[cfg(unix)]
#[rstest]
#[case::fits(&["1", "2", "3"], None)]
#[case::other_type(&["1", "2", "\"a\""], Some(":3`, whole numbers before"))]
#[case::no_longer_exact(&["0.5", "2", "9007199254740993"], Some("`k` is a number at "))]
#[case::once_null(&["null", "null", "1"], Some(":3`, null before"))]
#[case::new_key(&["absent", "absent", "1"], Some(":3`, absent before"))]
fn a_pipe_gets_its_types_from_the_first_window(#[case] values: &[&str], #[case] message: Option<&str>) {
    let folder = Folder::new();
    let mut options = ReadOptions::default();
    options.window_rows = count(2);
    let mut reader = open(&folder.pipe("a.jsonl", lines(values)), &options).unwrap();
    assert_eq!(reader.total_rows(), None);
    assert_eq!(reader.next_window().unwrap().unwrap().len(), 2);
    match (reader.next_window(), message) {
        (Ok(window), None) => assert_eq!(window.unwrap().len(), 1),
        (Err(error @ PipelineError::UnexpectedValue { .. }), Some(message)) => {
            assert!(error.to_string().contains(message), "{error}");
            assert!(hint(&error).contains("save it to a file"));
        }
        (other, _) => panic!("{other:?}"),
    }
}
