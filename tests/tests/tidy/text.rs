//! White space, leftovers, and the changelog.

use crate::tree::{self, File};

/// Words for work that is not done, written so that this file does not hold them.
const LEFTOVERS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// The heading of the changelog under which every change is told first.
const UNRELEASED: &str = "## [Unreleased]";

fn check(files: &[File]) -> Vec<String> {
    files.iter().flat_map(|file| [ending(file), lines(file)].concat()).collect()
}

fn ending(file: &File) -> Vec<String> {
    let content = &file.content;
    let good = content.is_empty() || content.ends_with('\n') && !content.ends_with("\n\n");
    if good { Vec::new() } else { vec![format!("{}: does not end in exactly one line break", file.path)] }
}

fn lines(file: &File) -> Vec<String> {
    let numbered = file.content.split_terminator('\n').zip(1..);
    let found = numbered.flat_map(|(line, number)| {
        complaints(file, line)
            .into_iter()
            .map(move |complaint| format!("{}:{number}: {complaint}", file.path))
    });
    found.collect()
}

/// What is wrong with one line, which may still hold a carriage return.
fn complaints(file: &File, line: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if line.ends_with(char::is_whitespace) {
        complaints.push("white space at the end".to_owned());
    }
    if file.ends_in(&[".rs"]) && line.contains('\t') {
        complaints.push("a tab".to_owned());
    }
    let leftovers = LEFTOVERS.iter().filter(|word| line.contains(*word));
    complaints.extend(leftovers.map(|word| format!("`{word}`: what is not done is an issue, not a comment")));
    complaints
}

/// Whether the changelog has a place for the next change.
fn changelog(files: &[File]) -> Result<(), String> {
    let changelog = files.iter().find(|file| file.path == "CHANGELOG.md");
    let changelog = changelog.ok_or_else(|| "CHANGELOG.md is missing".to_owned())?;
    let found = changelog.content.lines().any(|line| line == UNRELEASED);
    if found { Ok(()) } else { Err(format!("CHANGELOG.md has no line `{UNRELEASED}`")) }
}

#[test]
fn text_is_clean() {
    tree::assert_tidy(&check(&tree::files()));
}

#[test]
fn unclean_text_is_found() {
    let expect = |path, content: &str, complaints: &[&str]| {
        assert_eq!(check(&[File::new(path, content)]), complaints, "{content:?}");
    };
    expect("a.rs", "fn f() {}\n", &[]);
    expect("a.rs", "", &[]);
    expect("a.md", "one\ntwo", &["a.md: does not end in exactly one line break"]);
    expect("a.md", "one\n\n", &["a.md: does not end in exactly one line break"]);
    expect("a.md", "one\ntwo \n", &["a.md:2: white space at the end"]);
    expect("a.md", "one\r\n", &["a.md:1: white space at the end"]);
    expect("a.rs", "fn f() {\n\tg();\n}\n", &["a.rs:2: a tab"]);
    expect("a.md", "a\tb\n", &[]);
    for word in LEFTOVERS {
        let complaint = format!("a.rs:1: `{word}`: what is not done is an issue, not a comment");
        expect("a.rs", &format!("// {word}: later\n"), &[&complaint]);
    }
}

#[test]
fn the_changelog_has_a_place_for_the_next_change() {
    assert_eq!(changelog(&tree::files()), Ok(()));
    let try_content = |content| changelog(&[File::new("CHANGELOG.md", content)]);
    assert_eq!(try_content("# Changelog\n\n## [Unreleased]\n"), Ok(()));
    assert_eq!(
        try_content("# Changelog\n\n## [0.1.0]\n"),
        Err("CHANGELOG.md has no line `## [Unreleased]`".to_owned())
    );
    assert_eq!(changelog(&[]), Err("CHANGELOG.md is missing".to_owned()));
}
