//! Where the library is.
#![expect(
    unsafe_code,
    reason = "loading a library runs its code, which only who names the library can vouch for"
)]

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use libloading::Library;

use super::NvrtcError;

/// What the library and the part of it that it loads later are called.
const LIBRARY: &str = "libnvrtc.so";
const BUILTINS: &str = "libnvrtc-builtins.so";

/// Loads the library that lies in `folder`, so that it is found by its name from then on.
///
/// The library looks for its second part when it compiles, by name and on the loader's path alone; it is therefore
/// loaded first. Both stay loaded until the program ends.
///
/// # Errors
/// `folder` cannot be read, holds no NVRTC, or what it holds cannot be loaded.
pub fn load_from(folder: &Path) -> Result<PathBuf, NvrtcError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| NvrtcError::Folder {
        folder: folder.to_owned(),
        source,
    };
    let entries = fs::read_dir(folder).map_err(|error| failed(error.into()))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    // The newest of several is taken: names end in versions.
    let newest = |name: &str| files.iter().rev().find(|file| is_version_of(file, name));
    let library = newest(LIBRARY).ok_or_else(|| {
        let missing = io::Error::new(io::ErrorKind::NotFound, format!("it holds no `{LIBRARY}`"));
        failed(missing.into())
    })?;
    for file in newest(BUILTINS).into_iter().chain([library]) {
        keep(file).map_err(|error| failed(error.into()))?;
    }
    Ok(library.clone())
}

/// Whether the library is loaded or can be.
pub(super) fn is_present() -> bool {
    // SAFETY: it loads NVIDIA's library by its name where the system has it; its start has no preconditions.
    unsafe { cudarc::nvrtc::sys::is_culib_present() }
}

fn keep(file: &Path) -> Result<(), libloading::Error> {
    // SAFETY: who named the folder vouches for NVIDIA's library in it; its start has no preconditions.
    let library = unsafe { Library::new(file) }?;
    // Unloading it would leave those without code who found it by its name.
    std::mem::forget(library);
    Ok(())
}

/// Whether `file` is called `name`, alone or with a version behind it. A second build of the library lies beside the
/// first in NVIDIA's packages, with `.alt` in its name.
fn is_version_of(file: &Path, name: &str) -> bool {
    let rest = file.file_name().and_then(OsStr::to_str).and_then(|found| found.strip_prefix(name));
    rest.is_some_and(|rest| rest.chars().all(|c| c == '.' || c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn names_with_versions_are_told_from_others() {
        let check = |name, expected| assert_eq!(is_version_of(Path::new(name), LIBRARY), expected, "{name}");
        check("/a/libnvrtc.so", true);
        check("/a/libnvrtc.so.13", true);
        check("/a/libnvrtc.so.12.9.86", true);
        check("/a/libnvrtc.alt.so.13", false);
        check("/a/libnvrtc-builtins.so.13.0", false);
        check("/a/libnvrtc.so.old", false);
    }

    #[test]
    fn a_folder_without_the_library_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = load_from(folder.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot load NVRTC from `{}`", folder.path().display()));
        assert_eq!(error.source().unwrap().to_string(), "it holds no `libnvrtc.so`");
        fs::write(folder.path().join("libnvrtc.so.13"), "no library").unwrap();
        assert!(load_from(folder.path()).is_err());
    }
}
