//! Which files are read, in which order, as what.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::StringArray;
use mbed_pipeline::{
    InputFile, InputFormat, InputPlan, OutputFormat, PipelineError, ReadOptions, plan_inputs,
};
use rstest::rstest;

use crate::support::{Folder, batch, hint, open, texts, windows};

fn names(plan: &InputPlan) -> Vec<String> {
    plan.files().iter().map(|file| file.path().file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_folder_is_searched_in_the_order_of_names() {
    let folder = Folder::new();
    for name in ["b.md", "a/z.txt", "a/README", "c.txt", "c.docx", ".hidden.txt", ".git/x.txt", "d/e/f.text"]
    {
        folder.file(&format!("in/{name}"), "text\n");
    }
    let plan = plan_inputs(&[folder.path("in")], None).unwrap();
    assert_eq!(names(&plan), ["README", "z.txt", "b.md", "c.txt", "f.text"]);
    assert_eq!(plan.skipped_files(), 3, "a hidden file, a hidden folder and an unknown format");
}

#[test]
fn a_format_chooses_among_the_files_of_a_folder_and_overrules_the_names_of_others() {
    let folder = Folder::new();
    for name in ["in/a.md", "in/b.jsonl", "in/c.txt", "log.out"] {
        folder.file(name, "{\"text\": \"x\"}\n");
    }
    let paths = [folder.path("in"), folder.path("log.out"), PathBuf::from("-")];
    let plan = plan_inputs(&paths, Some(InputFormat::Jsonl)).unwrap();
    assert_eq!(plan.files().len(), 3);
    assert!(plan.files().iter().all(|file| file.format() == InputFormat::Jsonl));
    assert!(plan.files()[2].is_stdin());
    assert_eq!(plan.skipped_files(), 2);
}

#[test]
fn standard_input_is_text_unless_told_otherwise_and_comes_once() {
    let stdin = PathBuf::from("-");
    let plan = plan_inputs(std::slice::from_ref(&stdin), None).unwrap();
    assert_eq!(plan.files()[0].format(), InputFormat::Text);
    let error = plan_inputs(&[stdin.clone(), stdin], None).unwrap_err();
    assert!(matches!(error, PipelineError::StdinTwice));
}

#[rstest]
#[case::unknown(&["a.docx"], "the format of `a.docx` is unknown", "--input-format")]
#[case::missing(&["none.txt"], "cannot read `none.txt`", "check the path")]
#[case::empty(&["empty"], "folder `empty` has no file of a known format, 0 skipped", ".jsonl")]
#[case::hidden(&["hidden"], "folder `hidden` has no file of a known format, 1 skipped", "hidden files")]
#[case::mixed(&["a.md", "b.txt", "c.jsonl"], "`a.md` is markdown and `c.jsonl` is jsonl, which do not mix", "itself")]
#[case::mixed_tables(&["c.jsonl", "d.csv"], "`c.jsonl` is jsonl and `d.csv` is csv, which do not mix", "itself")]
#[case::nothing(&[], "no input was named", "standard input")]
fn what_cannot_be_planned_is_named(#[case] paths: &[&str], #[case] message: &str, #[case] advice: &str) {
    let folder = Folder::new();
    for name in ["a.docx", "a.md", "b.txt", "c.jsonl", "d.csv", "hidden/.x.txt"] {
        folder.file(name, "");
    }
    std::fs::create_dir(folder.path("empty")).unwrap();
    let paths: Vec<_> = paths.iter().map(|name| folder.path(name)).collect();
    let error = plan_inputs(&paths, None).unwrap_err();
    let root = format!("{}/", folder.path("").display().to_string().trim_end_matches('/'));
    assert_eq!(error.to_string().replace(&root, ""), message);
    assert!(hint(&error).contains(advice), "{}", hint(&error));
}

#[test]
fn an_input_is_never_the_output() {
    let folder = Folder::new();
    let input = folder.file("in/a.jsonl", "{\"text\": \"x\"}\n");
    let plan = plan_inputs(&[folder.path("in")], None).unwrap();
    let crooked = folder.path("in/../in/./a.jsonl");
    assert!(plan.contains(&input) && plan.contains(&crooked));
    assert!(matches!(plan.check_output(&crooked), Err(PipelineError::OutputIsInput { .. })));
    assert!(plan.check_output(&folder.path("in/b.jsonl")).is_ok());
}

#[rstest]
#[case("a.pq", Some(OutputFormat::Parquet))]
#[case("a.ndjson", Some(OutputFormat::Jsonl))]
#[case("a.NPY", Some(OutputFormat::Npy))]
#[case("a.feather", Some(OutputFormat::Arrow))]
#[case("a.csv", None)]
#[case("a", None)]
fn a_name_tells_the_output_format(#[case] path: &str, #[case] expected: Option<OutputFormat>) {
    match OutputFormat::from_path(path.as_ref()) {
        Ok(format) => assert_eq!(Some(format), expected),
        Err(error) => {
            assert_eq!(expected, None);
            assert_eq!(error.to_string(), format!("the format to write `{path}` in is unknown"));
            assert!(hint(&error).contains(".parquet") && hint(&error).contains(".npy"));
        }
    }
}

#[test]
fn patterns_find_files_in_order_and_compressed_ones_are_read() {
    let folder = Folder::new();
    folder.file("data/b/two.csv", "text\ntwo\n");
    folder.file("data/a/one.csv", "text\none\n");
    folder.file("data/a/one.txt", "not this one\n");
    folder.file("data/.hidden/no.csv", "text\nno\n");
    let plan = |pattern: &str| plan_inputs(&[folder.path(pattern)], None);
    let found = |pattern: &str| -> Vec<String> {
        let plan = plan(pattern).unwrap();
        let name =
            |file: &InputFile| file.path().strip_prefix(folder.path("data")).unwrap().display().to_string();
        plan.files().iter().map(name).collect()
    };
    assert_eq!(found("data/**/*.csv"), ["a/one.csv", "b/two.csv"]);
    assert_eq!(found("data/?/t*.csv"), ["b/two.csv"]);
    assert_eq!(found("data/[ac]/*.csv"), ["a/one.csv"]);
    let error = plan("data/*.csv").unwrap_err().to_string();
    assert!(error.starts_with("no file matches `") && error.ends_with("data/*.csv`"), "{error}");
}

#[test]
fn compressed_files_are_read_like_plain_ones() {
    use std::io::Write as _;
    let folder = Folder::new();
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    let check = |name: &str, bytes: Vec<u8>, expected: &[&str]| {
        let path = folder.file(name, bytes);
        let reader = open(&path, &ReadOptions::default()).unwrap();
        assert_eq!(reader.total_rows(), Some(expected.len() as u64), "{name}");
        assert_eq!(texts(&windows(reader).unwrap()), expected, "{name}");
    };
    // gzip files may be made of several, one behind the other.
    check("a.txt.gz", [gzip(b"one\ntw"), gzip(b"o\n")].concat(), &["one", "two"]);
    check("a.jsonl.zst", zstd(b"{\"text\": \"one\"}\n"), &["one"]);
    check("a.tsv.gz", gzip(b"n\ttext\n1\tone\n"), &["one"]);
    let plain = folder.parquet("a.parquet", &batch(vec![("text", Arc::new(StringArray::from(vec!["one"])))]));
    check("b.parquet.zst", zstd(&std::fs::read(plain).unwrap()), &["one"]);
}
