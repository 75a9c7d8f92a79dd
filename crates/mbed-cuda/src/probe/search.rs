//! Where libraries are looked for.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

/// Where the libraries of CUDA may be, besides the places of the system's loader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LibrarySearch {
    /// Folders that somebody named: they come before the system's loader.
    pub named: Vec<PathBuf>,
    /// Folders that are looked into after it: those of toolkits and of Python packages.
    pub folders: Vec<PathBuf>,
}

/// A place that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The folder, or the name that was given to the system's loader.
    pub place: PathBuf,
    /// Why it is no good.
    pub reason: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.place.display(), self.reason)
    }
}

/// One place to look at.
pub(super) enum Place<'a> {
    /// A folder.
    Folder(&'a Path),
    /// Wherever the system's loader looks.
    Loader,
}

impl LibrarySearch {
    /// All places in their order.
    pub(super) fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let named = self.named.iter().map(|folder| Place::Folder(folder));
        named.chain([Place::Loader]).chain(self.folders.iter().map(|folder| Place::Folder(folder)))
    }

    /// Loads a library from the first place that has it: `from_folder` loads it from a folder, `from_loader` asks the
    /// system's loader.
    pub(super) fn load(
        &self,
        name: &str,
        from_folder: impl Fn(&Path) -> Result<(), String>,
        from_loader: impl Fn() -> bool,
    ) -> Result<(), Vec<Attempt>> {
        let mut attempts = Vec::new();
        for place in self.places() {
            let (place, tried) = match place {
                Place::Folder(folder) => (folder.to_owned(), from_folder(folder)),
                Place::Loader if from_loader() => return Ok(()),
                Place::Loader => {
                    (PathBuf::from(name), Err("the system's loader does not find it".to_owned()))
                }
            };
            match tried {
                Ok(()) if from_loader() => return Ok(()),
                Ok(()) => {
                    attempts.push(Attempt { place, reason: "it does not load under its name".to_owned() })
                }
                Err(reason) => attempts.push(Attempt { place, reason }),
            }
        }
        Err(attempts)
    }
}

/// The file in `folder` that is called `name`, alone or with a version behind it; the newest of several.
pub(super) fn newest(folder: &Path, name: &str) -> Option<PathBuf> {
    let is_version = |file: &PathBuf| {
        let rest = file.file_name().and_then(OsStr::to_str).and_then(|found| found.strip_prefix(name));
        rest.is_some_and(|rest| rest.chars().all(|c| c == '.' || c.is_ascii_digit()))
    };
    let files = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    files.filter(is_version).max()
}
