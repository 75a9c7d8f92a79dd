//! What the first file of a crate or a module may hold: documentation, `mod` and `use`.

use proc_macro2::{Delimiter, TokenTree};

use crate::tokens;
use crate::tree::{self, File};

/// Entry files that hold more, each with the reason.
const EXCEPTIONS: [&str; 1] = [
    // A folder is one kernel, and its entry is the kernel's safe face: what is checked, and which set of
    // instructions is taken.
    "crates/mbed-kernels/",
];

fn check(files: &[File]) -> Vec<String> {
    let entries = files.iter().filter(|file| file.ends_in(&["/lib.rs", "/mod.rs"]));
    entries.flat_map(|file| undocumented(file).into_iter().chain(content(file))).collect()
}

fn undocumented(file: &File) -> Option<String> {
    let documented = file.content.starts_with("//! ");
    (!documented).then(|| format!("{}: does not begin with `//!` and what it is for", file.path))
}

/// The first item that does not belong into an entry file.
fn content(file: &File) -> Option<String> {
    if file.lies_in(&EXCEPTIONS) {
        return None;
    }
    let mut trees = tokens::stream(file).into_iter().peekable();
    while let Some(tree) = trees.next() {
        let keyword = match &tree {
            TokenTree::Punct(mark) if matches!(mark.as_char(), '#' | '!') => continue,
            TokenTree::Group(group) if group.delimiter() != Delimiter::Brace => continue,
            TokenTree::Ident(word) if word == "pub" => continue,
            other => other.to_string(),
        };
        if !matches!(keyword.as_str(), "mod" | "use") {
            return Some(format!(
                "{}:{}: holds more than `mod` and `use`",
                file.path,
                tree.span().start().line
            ));
        }
        let is_end = |tree: &TokenTree| matches!(tree, TokenTree::Punct(mark) if mark.as_char() == ';');
        if !trees.by_ref().any(|tree| is_end(&tree)) {
            return Some(format!("{}:{}: a module with a body", file.path, tree.span().start().line));
        }
    }
    None
}

#[test]
fn entry_files_hold_no_logic() {
    tree::assert_tidy(&check(&tree::files()));
}

#[test]
fn logic_in_an_entry_file_is_found() {
    let try_content = |content: &str| check(&[File::new("crates/a/src/lib.rs", content)]);
    let good = "//! What it is.\n\n#![expect(missing_docs, reason = \"none\")]\n\nmod a;\n#[cfg(unix)]\nmod b;\n\
                pub(crate) mod c;\n\npub use a::{A, B};\nuse b::C;\n";
    assert_eq!(try_content(good), [""; 0]);
    for item in ["fn f() {}", "pub struct A;", "impl A {}", "const A: u8 = 0;", "macro_rules! m { () => {} }"]
    {
        let complaints = try_content(&format!("{good}{item}\n"));
        assert_eq!(complaints, ["crates/a/src/lib.rs:12: holds more than `mod` and `use`"], "{item}");
    }
    assert_eq!(try_content(&format!("{good}mod d {{ fn f() {{}} }}\n")).len(), 1);
    assert_eq!(
        try_content("mod a;\n"),
        ["crates/a/src/lib.rs: does not begin with `//!` and what it is for"]
    );
    assert_eq!(check(&[File::new("crates/a/src/other.rs", "fn f() {}\n")]), [""; 0]);
}
