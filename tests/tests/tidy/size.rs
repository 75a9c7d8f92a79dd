//! How long a file may be.

use crate::tokens;
use crate::tree::{self, File};

/// The most lines of a source file, its module of unit tests left out.
const LIMIT: usize = 500;

fn check(files: &[File]) -> Vec<String> {
    let sources = files.iter().filter(|file| file.ends_in(&[".rs", ".cu", ".py"]));
    let long = sources.filter_map(|file| {
        let tests = if file.ends_in(&[".rs"]) { tokens::parts(file).test_lines } else { 0 };
        let lines = file.content.lines().count() - tests;
        (lines > LIMIT).then(|| format!("{}: {lines} lines without tests, the limit is {LIMIT}", file.path))
    });
    long.collect()
}

#[test]
fn source_files_are_short() {
    tree::assert_tidy(&check(&tree::files()));
}

#[test]
fn a_long_file_is_found_and_its_tests_do_not_count() {
    let code = "fn f() {}\n".repeat(LIMIT);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{code}}}\n");
    assert_eq!(check(&[File::new("a.rs", &format!("{code}{tests}"))]), [""; 0]);
    let complaints = check(&[File::new("a.rs", &format!("{code}fn g() {{}}\n{tests}"))]);
    assert_eq!(complaints, ["a.rs: 501 lines without tests, the limit is 500"]);
    assert_eq!(check(&[File::new("a.py", &"pass\n".repeat(501))]).len(), 1);
}
