//! Finding ONNX Runtime's library and loading it.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, fs, path};

use ort::LoadDynamicError;
use ort::environment::Environment;

use crate::machine;

/// Where the library may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LibrarySearch {
    /// The library, or a folder that it lies in, where somebody named one: then nowhere else is looked.
    pub named: Option<PathBuf>,
    /// Folders that are looked into after the program's own and the places of the system's loader, in this order.
    pub folders: Vec<PathBuf>,
}

/// The loaded library.
#[derive(Clone)]
pub(crate) struct Library {
    pub(crate) environment: Environment,
    /// The file, or the name by which the system's loader found it.
    pub(crate) path: PathBuf,
    /// As it states it itself.
    pub(crate) version: String,
}

/// No library could be loaded.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// None of the places that were looked at has one that can be used.
    #[error("no ONNX Runtime 1.{} or newer was found{}", ort::MINOR_VERSION, lines(attempts))]
    NotFound {
        /// The places, in the order in which they were looked at.
        attempts: Vec<Attempt>,
    },
    /// This process has loaded another one already, and can have only one.
    #[error("`{}` is loaded already, so that `{}` cannot be", loaded.display(), named.display())]
    OtherLoaded {
        /// The one that is loaded.
        loaded: PathBuf,
        /// The one that was named.
        named: PathBuf,
    },
    /// The library was loaded and does not start.
    #[error("`{}` does not start: {reason}", path.display())]
    DoesNotStart {
        /// The library.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
}

/// A place that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The file or folder, or the name that was given to the system's loader.
    pub place: PathBuf,
    /// Why it is no good.
    pub reason: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.place.display(), self.reason)
    }
}

fn lines(attempts: &[Attempt]) -> String {
    attempts.iter().map(|attempt| format!("\n  {attempt}")).collect()
}

/// The library of this process. It is loaded once and for all: ONNX Runtime has one environment in a process and cannot
/// be unloaded, so this is a property of the process and not of a backend.
static LOADED: Mutex<Option<Arc<Library>>> = Mutex::new(None);

impl LibrarySearch {
    /// Loads the first library that can be used, unless that was done before.
    ///
    /// # Errors
    /// There is none, or another than the one that was named is loaded already.
    pub(crate) fn load(&self) -> Result<Arc<Library>, LibraryError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = &*loaded {
            return self.accept(library);
        }
        let library = Arc::new(self.first()?);
        *loaded = Some(Arc::clone(&library));
        Ok(library)
    }

    /// One that is loaded already will do, unless another was named.
    fn accept(&self, library: &Arc<Library>) -> Result<Arc<Library>, LibraryError> {
        let Some(named) = &self.named else { return Ok(Arc::clone(library)) };
        let loaded = real(&library.path);
        if files_at(named).iter().any(|file| real(file) == loaded) {
            return Ok(Arc::clone(library));
        }
        Err(LibraryError::OtherLoaded { loaded: library.path.clone(), named: named.clone() })
    }

    fn first(&self) -> Result<Library, LibraryError> {
        let mut attempts = Vec::new();
        let mut note = |place: &Path, reason: String| {
            attempts.push(Attempt { place: place.to_owned(), reason });
        };
        for place in self.places() {
            let files = if place.is_absolute() { files_at(&place) } else { vec![place.clone()] };
            if files.is_empty() {
                note(&place, absence(&place));
            }
            for file in files {
                match ort::init_from(&file) {
                    Ok(builder) => return started(builder, file),
                    Err(error) => note(&file, reason(&error, &file)),
                }
            }
        }
        Err(LibraryError::NotFound { attempts })
    }

    /// Absolute paths, and bare names: those lie beside the program or are known to the system's loader.
    fn places(&self) -> Vec<PathBuf> {
        if let Some(named) = &self.named {
            // What is not absolute would be looked for beside the program.
            return vec![path::absolute(named).unwrap_or_else(|_| named.clone())];
        }
        let bare = format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}");
        // Distributions put the name without a version into a package for developers.
        let versioned = (DLL_SUFFIX == ".so").then(|| PathBuf::from(format!("{bare}.1")));
        let folders = self.folders.iter().filter_map(|folder| path::absolute(folder).ok());
        [PathBuf::from(bare)].into_iter().chain(versioned).chain(folders).collect()
    }
}

fn started(builder: ort::environment::EnvironmentBuilder, path: PathBuf) -> Result<Library, LibraryError> {
    match builder.with_name("mbed").with_telemetry(false).build() {
        Ok(environment) => Ok(Library { environment, version: version(ort::info(), &path), path }),
        Err(error) => Err(LibraryError::DoesNotStart { path, reason: error.message().to_owned() }),
    }
}

/// The library itself, or those that lie in a folder, the newest first.
fn files_at(place: &Path) -> Vec<PathBuf> {
    if !place.is_dir() {
        return if place.exists() { vec![place.to_owned()] } else { Vec::new() };
    }
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| is_library(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    files.sort_by(|left, right| right.cmp(left));
    files
}

/// Whether a file of this name is ONNX Runtime: `libonnxruntime.so`, `libonnxruntime.so.1.24.0`,
/// `libonnxruntime.1.24.0.dylib`, `onnxruntime.dll`.
fn is_library(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(DLL_PREFIX).and_then(|name| name.strip_prefix("onnxruntime")) else {
        return false;
    };
    let version = match DLL_SUFFIX {
        ".so" => rest.strip_prefix(DLL_SUFFIX),
        _ => rest.strip_suffix(DLL_SUFFIX),
    };
    version.is_some_and(|version| {
        version.chars().all(|character| character == '.' || character.is_ascii_digit())
    })
}

fn absence(place: &Path) -> String {
    if place.is_dir() { "holds no such library" } else { "is not there" }.to_owned()
}

fn reason(error: &LoadDynamicError, file: &Path) -> String {
    match error {
        LoadDynamicError::Dlopen { error, .. } => {
            if let Some(reason) = machine::mismatch(file) {
                return reason;
            }
            let mut reason = error.to_string();
            if let Some(source) = std::error::Error::source(error) {
                reason = format!("{reason}: {source}");
            }
            reason
        }
        LoadDynamicError::MissingApi { .. } => "is another library: it lacks `OrtGetApiBase`".to_owned(),
        LoadDynamicError::BadVersion { version_str, .. } => {
            format!("is version {version_str}, 1.{} or newer is needed", ort::MINOR_VERSION)
        }
        other @ LoadDynamicError::InvalidVersionString => other.to_string(),
    }
}

/// The version in `ORT Build Info: git-branch=rel-1.31.1, git-commit-id=...`; where the branch has another name that of
/// the file, `libonnxruntime.so.1.31.1`, and all that the library says where that has none.
fn version(info: &str, path: &Path) -> String {
    let branch = info.split(['=', ',', ' ']).find_map(|part| part.strip_prefix("rel-"));
    let name = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let digits = name.replace(DLL_SUFFIX, "");
    let digits = digits.trim_start_matches(|character: char| !character.is_ascii_digit());
    match branch {
        Some(version) => version.to_owned(),
        None if digits.contains('.') => digits.to_owned(),
        None => info.to_owned(),
    }
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library")
            .field("path", &self.path)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_told_by_the_library_or_its_file() {
        let check = |info: &str, path: &str, expected: &str| {
            let path = path.replace(".so", DLL_SUFFIX);
            assert_eq!(version(info, Path::new(&path)), expected, "{info}, {path}");
        };
        let released = "ORT Build Info: git-branch=rel-1.24.2, git-commit-id=6af1a93, build type=Release";
        let other = "ORT Build Info: git-branch=HEAD, git-commit-id=6af1a93";
        check(released, "libonnxruntime.so.1.31.1", "1.24.2");
        check(other, "nowhere/libonnxruntime.so.1.31.1", "1.31.1");
        check(other, "libonnxruntime.so", other);
    }

    #[test]
    fn a_named_place_is_the_only_one_and_says_what_is_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let check = |named: &Path, expected: &str| {
            let search = LibrarySearch { named: Some(named.to_owned()), folders: vec!["elsewhere".into()] };
            let Err(LibraryError::NotFound { attempts }) = search.load() else {
                panic!("{}", named.display())
            };
            let [Attempt { place, reason }] = &attempts[..] else { panic!("{attempts:?}") };
            assert!(place.starts_with(named) && reason.contains(expected), "{attempts:?}");
        };
        check(&folder.path().join("missing"), "is not there");
        check(folder.path(), "holds no such library");
        // What is no library for this machine is told in the loader's own words, with the file in them.
        let name = format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}");
        fs::write(folder.path().join(&name), "a library of another machine").unwrap();
        check(folder.path(), &name);
    }

    #[test]
    fn names_of_the_library_are_known_with_and_without_a_version() {
        let check = |name: &str, expected| {
            let name = name.replace("lib", DLL_PREFIX).replace(".so", DLL_SUFFIX);
            assert_eq!(is_library(&name), expected, "{name}");
        };
        check("libonnxruntime.so", true);
        check("libonnxruntime_providers_shared.so", false);
        check("libonnx.so", false);
    }
}
