//! The files of the tree.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that begin with a dot and hold files of ours all the same.
const HIDDEN: [&str; 3] = [".cargo", ".ci", ".config"];

/// Folders that hold nothing that was written here by hand: what is built, and models kept byte for byte.
const FOREIGN: [&str; 2] = ["target", "tests/fixtures/models"];

/// The endings of files that hold text.
const TEXT: [&str; 9] = [".rs", ".toml", ".md", ".py", ".sh", ".cu", ".yml", "justfile", ".ci/run"];

/// One file with text.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Its path below the root, with `/` between the names.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) content: String,
}

impl File {
    /// A file for trying a rule.
    pub(crate) fn new(path: &str, content: &str) -> Self {
        Self { path: path.to_owned(), content: content.to_owned() }
    }

    /// Whether its name ends in one of `endings`.
    pub(crate) fn ends_in(&self, endings: &[&str]) -> bool {
        endings.iter().any(|ending| self.path.ends_with(ending))
    }

    /// Whether it is one of `places`, or lies in one that ends in `/`.
    pub(crate) fn lies_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path == *place || place.ends_with('/') && self.path.starts_with(place))
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file with text, in the order of their paths.
pub(crate) fn files() -> Vec<File> {
    let mut files = Vec::new();
    collect(&root(), "", &mut files);
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}

/// Adds the files of `folder`, whose path below the root is `prefix`, and of the folders in it.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list `{prefix}`: {error}"));
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("cannot list `{prefix}`: {error}"));
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        let kind = entry.file_type().unwrap_or_else(|error| panic!("cannot look at `{path}`: {error}"));
        let hidden = name.starts_with('.') && !HIDDEN.contains(&name.as_str());
        if kind.is_dir() && !hidden && !FOREIGN.contains(&path.as_str()) {
            collect(&entry.path(), &path, files);
        } else if kind.is_file() && TEXT.iter().any(|ending| path.ends_with(ending)) {
            let content = fs::read_to_string(entry.path());
            let content = content.unwrap_or_else(|error| panic!("cannot read `{path}`: {error}"));
            files.push(File { path, content });
        }
    }
}

/// Fails with all of `complaints`, unless there are none.
pub(crate) fn assert_tidy(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn the_tree_is_found_and_nothing_else() {
    let files = files();
    let holds = |path: &str| files.iter().any(|file| file.path == path);
    for path in ["Cargo.toml", ".ci/run", "crates/mbed-core/src/lib.rs", "tests/tests/tidy/tree.rs"] {
        assert!(holds(path), "`{path}` is not found");
    }
    assert!(!files.iter().any(|file| file.path.starts_with("target/") || file.path.starts_with(".git/")));
}
