//! Which files are read, in which order, as what.

use std::path::PathBuf;

use mbed_pipeline::{InputFormat, InputPlan, OutputFormat, PipelineError, plan_inputs};
use rstest::rstest;

use crate::support::{Folder, hint};

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
