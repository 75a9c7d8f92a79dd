//! The models that mbed keeps itself: those out of Python wheels.
//!
//! Each lies in `models--owner--name/PACKAGE-VERSION/` and is described by a manifest in that folder. The folder is
//! made elsewhere and moved there when it is whole, manifest included, so that it is there wholly or not at all,
//! whatever else runs at the same time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::known::KnownWheel;
use super::resolve::Refresh;
use super::{ModelId, Sha256, SourceError};

/// The file that describes a model's folder, written after all others.
pub(super) const MANIFEST: &str = "mbed-source.json";
/// What names of folders in the making begin with.
const STAGING_PREFIX: &str = ".incoming-";
/// A folder in the making that is older was left by a process that was killed.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a model's folder came from and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// The model.
    pub id: ModelId,
    /// The wheel's name.
    pub package: String,
    /// The wheel's version.
    pub version: String,
    /// All files but the manifest, by path.
    pub files: BTreeMap<String, StoredFile>,
}

/// One file of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredFile {
    /// Its length.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// The folder of a wheel's model in the model cache.
pub(super) fn folder(cache: &Path, id: &ModelId, wheel: &KnownWheel) -> PathBuf {
    cache.join(id.cache_folder()).join(format!("{}-{}", wheel.package, wheel.version))
}

impl Manifest {
    /// Reads the manifest of a folder; `None` where it has none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, SourceError> {
        let path = folder.join(MANIFEST);
        match fs::read(&path) {
            Ok(text) => {
                serde_json::from_slice(&text).map(Some).map_err(|source| SourceError::Json { path, source })
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(source) => Err(SourceError::io("read", &path, source)),
        }
    }

    /// Writes the manifest into a folder.
    pub(super) fn write(&self, folder: &Path) -> Result<(), SourceError> {
        let path = folder.join(MANIFEST);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|source| SourceError::Json { path: path.clone(), source })?;
        fs::write(&path, text).map_err(|source| SourceError::io("write", &path, source))
    }

    /// The files that are gone or have another length.
    fn damaged_in(&self, folder: &Path) -> Vec<String> {
        let is_whole = |name: &str, file: &StoredFile| {
            fs::metadata(folder.join(name)).is_ok_and(|found| found.is_file() && found.len() == file.bytes)
        };
        let damaged = self.files.iter().filter(|(name, file)| !is_whole(name, file));
        damaged.map(|(name, _)| name.clone()).collect()
    }
}

/// The manifest of a folder in the model cache whose files are all there.
pub(super) fn find(folder: &Path) -> Result<Manifest, SourceError> {
    let manifest = Manifest::read(folder)?.ok_or(SourceError::NotCached)?;
    match manifest.damaged_in(folder) {
        damaged if damaged.is_empty() => Ok(manifest),
        missing => Err(SourceError::Incomplete { place: folder.display().to_string(), missing }),
    }
}

/// Every whole folder of the model cache with its manifest, in the order of names.
pub(super) fn all(cache: &Path) -> Result<Vec<(PathBuf, Manifest)>, SourceError> {
    let mut found = Vec::new();
    for model in entries(cache)?.into_iter().filter(|path| !is_staging(path)) {
        for folder in entries(&model)? {
            let manifest = Manifest::read(&folder)?;
            if let Some(manifest) = manifest.filter(|manifest| manifest.damaged_in(&folder).is_empty()) {
                found.push((folder, manifest));
            }
        }
    }
    Ok(found)
}

/// A new folder in the model cache that nobody else looks into and that is removed when it is dropped.
pub(super) fn staging(cache: &Path) -> Result<TempDir, SourceError> {
    let failed = |error| SourceError::io("create a folder in", cache, error);
    fs::create_dir_all(cache).map_err(failed)?;
    remove_abandoned(cache)?;
    tempfile::Builder::new().prefix(STAGING_PREFIX).tempdir_in(cache).map_err(failed)
}

/// Moves a whole model from a staging folder to its place.
///
/// Where another process was faster its result stays, unless the model shall be had anew.
pub(super) fn commit(
    staging: &TempDir,
    made: &Path,
    target: &Path,
    refresh: Refresh,
) -> Result<(), SourceError> {
    let failed = |error| SourceError::io("move a model to", target, error);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    if fs::rename(made, target).is_ok() || refresh == Refresh::IfMissing && find(target).is_ok() {
        return Ok(());
    }
    // What is in the way is damaged or unwanted; it goes with the staging folder.
    match fs::rename(target, staging.path().join("replaced")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    match fs::rename(made, target) {
        Err(_) if find(target).is_ok() => Ok(()),
        moved => moved.map_err(failed),
    }
}

fn remove_abandoned(cache: &Path) -> Result<(), SourceError> {
    for path in entries(cache)? {
        let age = || fs::metadata(&path).ok()?.modified().ok()?.elapsed().ok();
        if is_staging(&path) && age().is_some_and(|age| age > ABANDONED_AFTER) {
            // It costs room and nothing else: whoever cannot remove it goes on.
            let _ = fs::remove_dir_all(&path);
        }
    }
    Ok(())
}

fn is_staging(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(STAGING_PREFIX))
}

/// What a folder holds, in the order of names; nothing where it does not exist or is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |error| SourceError::io("list", folder, error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed(error)),
    };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(failed)?;
    paths.sort_unstable();
    Ok(paths)
}
