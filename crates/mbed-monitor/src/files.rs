//! Small files of the system, from a root that tests can choose.

use std::fs;
use std::path::{Path, PathBuf};

/// Where `/proc` and `/sys` hang.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    root: PathBuf,
}

impl Files {
    pub(crate) const fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// A file's text, or `None` where it cannot be read; `path` has no slash at its beginning.
    pub(crate) fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    /// The one number in a file.
    pub(crate) fn number(&self, path: impl AsRef<Path>) -> Option<u64> {
        self.text(path)?.trim().parse().ok()
    }

    /// The names in a folder, none where it cannot be read.
    pub(crate) fn names(&self, path: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }
}

/// The number behind `name` in lines of `name   number unit`, as `/proc/meminfo` and `memory.stat` have them.
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let found = words.next()?.trim_end_matches(':');
        (found == name).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "MemTotal:       24655180 kB\nMemFree: 7 kB\ntotal_inactive_file 42\nbroken\n";
        assert_eq!(field(text, "MemTotal"), Some(24_655_180));
        assert_eq!(field(text, "total_inactive_file"), Some(42));
        assert_eq!(field(text, "Mem"), None);
        assert_eq!(field(text, "broken"), None);
    }
}
