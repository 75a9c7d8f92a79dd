//! Comma-separated values, and which column holds the texts.

use mbed_pipeline::{PipelineError, ReadOptions, Reader, plan_inputs};
use rstest::rstest;

use crate::support::{Folder, column, count, hint, open, read, read_error, some, texts, windows};

fn choosing(text: Option<&str>, id: Option<&str>) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.text_column = text.map(str::to_owned);
    options.id_column = id.map(str::to_owned);
    options
}

#[test]
fn values_stay_as_they_are_written() {
    let folder = Folder::new();
    let path = folder.file("a.csv", "\u{feff}id,text,n\r\n007,\"a, \"\"b\"\"\nc\",1.50\r\n\r\n008,,true\r\n");
    let reader = open(&path, &choosing(None, Some("id"))).unwrap();
    assert_eq!(reader.total_rows(), Some(2));
    let windows = windows(reader).unwrap();
    assert_eq!(texts(&windows), ["a, \"b\"\nc", ""]);
    assert_eq!(column(&windows, "id"), some(&["007", "008"]));
    assert_eq!(column(&windows, "n"), some(&["1.50", "true"]));
    assert_eq!(windows[0].name(0), format!("id \"007\" ({}:2)", path.display()));
    assert_eq!(windows[0].name(1), format!("id \"008\" ({}:5)", path.display()));
}

#[test]
fn a_tsv_file_is_separated_by_tabs() {
    let folder = Folder::new();
    let windows = read(&folder.file("a.tsv", "k\ttext\n1\ta,b\n"), &ReadOptions::default()).unwrap();
    assert_eq!(texts(&windows), ["a,b"]);
}

#[test]
fn files_of_one_header_are_one_table_with_windows_across_them() {
    let folder = Folder::new();
    let paths = [folder.file("a.csv", "k,text\n1,a\n2,b\n"), folder.file("b.csv", "k,text\n3,c\n")];
    let mut options = ReadOptions::default();
    options.window_rows = count(3);
    let all = windows(Reader::open(&plan_inputs(&paths, None).unwrap(), &options).unwrap()).unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(column(&all, "k"), some(&["1", "2", "3"]));
    assert_eq!(all[0].name(2), format!("{}:2", paths[1].display()));

    let other = folder.file("c.csv", "k,body\n1,a\n");
    let plan = plan_inputs(&[paths[0].clone(), other], None).unwrap();
    let error = Reader::open(&plan, &options).unwrap_err();
    assert!(error.to_string().ends_with("`k`, `body` instead of `k`, `text`"), "{error}");
}

#[rstest]
#[case::ragged("text,b\na,1\nc\n", ":3` has 1 fields, the header has 2")]
#[case::ragged_behind_lines("text,b\r\n\"a\r\nb\",1\r\nc,2,3\r\n", ":4` has 3 fields, the header has 2")]
#[case::no_header("", "` has no header row")]
#[case::twice("a,text,a\n", "column `a` appears twice")]
#[case::unclear("a,b\n1,2\n", "it is not clear which column holds the texts")]
fn what_is_no_table_is_named(#[case] content: &str, #[case] message: &str) {
    let folder = Folder::new();
    let error = read_error(&folder.file("a.csv", content), &ReadOptions::default());
    assert!(error.to_string().contains(message), "{error}");
    assert!(!hint(&error).is_empty() || matches!(error, PipelineError::DuplicateColumn { .. }));
}

#[rstest]
#[case::asked(Some("b"), "a,b,text\n1,2,3\n", "2")]
#[case::called_text(None, "a,b,text\n1,2,3\n", "3")]
#[case::the_only_one(None, "b\n2\n", "2")]
fn the_text_column_is_found(#[case] asked: Option<&str>, #[case] content: &str, #[case] expected: &str) {
    let folder = Folder::new();
    let windows = read(&folder.file("a.csv", content), &choosing(asked, None)).unwrap();
    assert_eq!(texts(&windows), [expected]);
}

#[test]
fn an_unclear_text_column_is_asked_for_among_all() {
    let folder = Folder::new();
    let path = folder.file("a.csv", "a,b\n1,2\n");
    let error = read_error(&path, &choosing(None, None));
    assert_eq!(hint(&error), "choose with `--text-column` among `a`, `b`");
    let error = read_error(&path, &choosing(Some("c"), None));
    assert_eq!(error.to_string(), "there is no column `c`");
    assert_eq!(hint(&error), "the columns are `a`, `b`");
}

#[test]
fn a_table_without_rows_has_columns_and_no_windows() {
    let folder = Folder::new();
    let path = folder.file("a.csv", "text,b\n");
    let reader = open(&path, &ReadOptions::default()).unwrap();
    assert_eq!(reader.total_rows(), Some(0));
    assert_eq!(reader.schema().fields().len(), 2);
    assert!(windows(reader).unwrap().is_empty());
}
