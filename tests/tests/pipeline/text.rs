//! Lines and Markdown files.

use mbed_pipeline::{InvalidUtf8, PipelineError, ReadOptions, Reader, Window, plan_inputs};
use rstest::rstest;

use crate::support::{Folder, column, count, hint, open, read, read_error, some, texts, windows};

fn with(policy: InvalidUtf8) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.invalid_utf8 = policy;
    options
}

#[rstest]
#[case::plain("a\nb\n", &["a", "b"])]
#[case::no_last_line_feed("a\nb", &["a", "b"])]
#[case::blank_lines("\na\n\n", &["", "a", ""])]
#[case::carriage_returns("a\r\nb\r\r\n\r\nc\rd", &["a", "b\r", "", "c\rd"])]
#[case::byte_order_mark("\u{feff}a\n\u{feff}b\n", &["a", "\u{feff}b"])]
#[case::empty("", &[])]
#[case::only_a_mark("\u{feff}", &[])]
#[case::beyond_ascii("ä€😀\n", &["ä€😀"])]
fn each_line_is_a_text(#[case] content: &str, #[case] expected: &[&str]) {
    let folder = Folder::new();
    let path = folder.file("a.txt", content);
    let reader = open(&path, &ReadOptions::default()).unwrap();
    assert_eq!(reader.total_rows(), Some(expected.len() as u64));
    let windows = windows(reader).unwrap();
    assert_eq!(texts(&windows), expected);
    let numbers: Vec<_> = (1..=expected.len()).map(|line| line.to_string()).collect();
    let numbers: Vec<_> = numbers.iter().map(String::as_str).collect();
    assert_eq!(column(&windows, "line"), some(&numbers));
    assert_eq!(column(&windows, "source"), some(&vec![path.to_str().unwrap(); expected.len()]));
}

#[test]
fn a_markdown_file_is_one_text_among_lines() {
    let folder = Folder::new();
    let paths = [folder.file("a.txt", "one\ntwo\n"), folder.file("b.md", "\u{feff}# Title\r\n\r\nText\n")];
    let reader = Reader::open(&plan_inputs(&paths, None).unwrap(), &ReadOptions::default()).unwrap();
    assert_eq!(reader.total_rows(), Some(3));
    let windows = windows(reader).unwrap();
    assert_eq!(texts(&windows), ["one", "two", "# Title\r\n\r\nText\n"]);
    assert_eq!(column(&windows, "line"), [Some("1".to_owned()), Some("2".to_owned()), None]);
    let [window] = windows.as_slice() else { panic!("one window") };
    assert_eq!(window.name(1), format!("{}:2", paths[0].display()));
    assert_eq!(window.name(2), paths[1].display().to_string());
    assert_eq!(window.text(3), None);
}

#[test]
fn windows_end_at_either_limit() {
    let folder = Folder::new();
    let path = folder.file("a.txt", "0123456789\n".repeat(100));
    let mut options = ReadOptions::default();
    options.window_rows = count(7);
    let windows = read(&path, &options).unwrap();
    assert_eq!(windows.len(), 15);
    assert!(windows.iter().all(|window| (1..=7).contains(&window.len())));
    assert_eq!(texts(&windows).len(), 100);

    options.window_bytes = count(1);
    assert!(read(&path, &options).unwrap().iter().all(|window| window.len() == 1));

    // The source counts too: it is a column.
    let row = 10 + path.to_str().unwrap().len();
    options.window_rows = count(1000);
    options.window_bytes = count(3 * row - 1);
    assert_eq!(read(&path, &options).unwrap().iter().map(Window::len).max(), Some(3));
}

#[test]
fn a_line_of_100_megabytes_is_one_text() {
    let folder = Folder::new();
    let long = "0123456789".repeat(10_000_000);
    let path = folder.file("a.txt", format!("a\n{long}\nb\n"));
    let windows = read(&path, &ReadOptions::default()).unwrap();
    let texts = texts(&windows);
    assert_eq!(texts.len(), 3);
    assert!(texts[1] == long, "the long line came out differently");
    assert_eq!(texts[2], "b");
}

#[rstest]
#[case::text("a.txt", b"ab\n\xc3\xa4\xffz\nc\n".as_slice(), 5)]
#[case::text_behind_a_mark("a.txt", b"\xef\xbb\xbfab\n\xff\n".as_slice(), 6)]
#[case::cut_at_the_end("a.txt", b"ab\n\xe2\x82".as_slice(), 3)]
#[case::markdown("a.md", b"\xef\xbb\xbfab\ncd\xff".as_slice(), 8)]
#[case::jsonl("a.jsonl", b"{\"text\":\"a\"}\n{\"text\":\"\xff\"}\n".as_slice(), 22)]
#[case::csv("a.csv", b"text\n\"a\"\"\xff\"\n".as_slice(), 9)]
#[case::csv_header("a.csv", b"te\xffxt\na\n".as_slice(), 2)]
fn bytes_that_are_not_utf_8_are_found(#[case] name: &str, #[case] content: &[u8], #[case] at: u64) {
    let folder = Folder::new();
    let path = folder.file(name, content);
    let error = read_error(&path, &ReadOptions::default());
    assert_eq!(error.to_string(), format!("`{}` is not UTF-8 at byte {at}", path.display()));
    assert!(hint(&error).contains("--invalid-utf8 replace"));
    assert_ne!(std::str::from_utf8(content).unwrap_err().valid_up_to(), content.len());
    assert_eq!(std::str::from_utf8(content).unwrap_err().valid_up_to() as u64, at);
}

#[rstest]
#[case::text("a.txt", b"a\n\xc3\xffz\nc\n".as_slice())]
#[case::jsonl("a.jsonl", b"{\"text\":\"a\"}\n{\"text\":\"\xc3\xffz\"}\n{\"text\":\"c\"}\n".as_slice())]
#[case::csv("a.csv", b"text\na\n\xc3\xffz\nc\n".as_slice())]
fn bytes_that_are_not_utf_8_are_replaced_or_left_out(#[case] name: &str, #[case] content: &[u8]) {
    let folder = Folder::new();
    let path = folder.file(name, content);
    let replaced = read(&path, &with(InvalidUtf8::Replace)).unwrap();
    assert_eq!(texts(&replaced), ["a", "\u{fffd}\u{fffd}z", "c"]);

    let mut reader = open(&path, &with(InvalidUtf8::Skip)).unwrap();
    assert_eq!(reader.total_rows(), Some(2), "only what will be read is counted");
    assert_eq!(reader.skipped_rows(), 0);
    let window = reader.next_window().unwrap().unwrap();
    assert_eq!(window.texts().collect::<Vec<_>>(), ["a", "c"]);
    assert!(window.name(1).ends_with(if name == "a.csv" { ":4" } else { ":3" }));
    assert!(reader.next_window().unwrap().is_none());
    assert_eq!(reader.skipped_rows(), 1);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_once_and_not_counted_before() {
    let folder = Folder::new();
    let path = folder.pipe("a.txt", "one\ntwo");
    let reader = open(&path, &ReadOptions::default()).unwrap();
    assert_eq!(reader.total_rows(), None);
    assert_eq!(texts(&windows(reader).unwrap()), ["one", "two"]);
}

#[test]
fn a_reader_can_go_to_another_thread() {
    fn check<T: Send + 'static>() {}
    check::<Reader>();
    check::<Window>();
    check::<mbed_pipeline::Writer>();
}

#[test]
fn a_column_that_is_not_there_is_named_with_those_that_are() {
    let folder = Folder::new();
    let path = folder.file("a.txt", "one\n");
    let mut options = ReadOptions::default();
    options.id_column = Some("id".to_owned());
    let error = read_error(&path, &options);
    assert!(matches!(&error, PipelineError::NoSuchColumn { column, .. } if column == "id"));
    assert_eq!(hint(&error), "the columns are `source`, `line`, `text`");
}
