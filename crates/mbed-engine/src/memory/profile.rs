//! What runs learn, for later ones.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use mbed_core::Hint;
use serde::{Deserialize, Serialize};

use super::{CostModel, CurvePoint};

/// The version of the files. Others are not read.
const VERSION: u32 = 1;

/// What a run has learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learnt {
    /// What batches need.
    pub cost: CostModel,
    /// Tokens of the fastest batches.
    pub tokens: usize,
    /// How fast batches of each size were.
    pub curve: Vec<CurvePoint>,
}

/// What a profile is of: none fits another model, backend, device or precision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileKey {
    /// The model, by its content.
    pub fingerprint: String,
    /// What people call it.
    pub model: String,
    /// The backend's name.
    pub backend: String,
    /// The maker's name of the device.
    pub device: String,
    /// The precision.
    pub precision: String,
}

/// A profile as it lies in its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    version: u32,
    /// What it is of.
    pub key: ProfileKey,
    /// What was learned.
    pub learnt: Learnt,
    /// Seconds since 1970 when it was written.
    pub written: u64,
}

/// Why profiles cannot be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// A file or folder cannot be read, written or removed.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It cannot be written as JSON, which no profile of ours is.
    #[error("a profile cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Hint for ProfileError {
    fn hint(&self) -> Option<String> {
        matches!(self, Self::File { .. })
            .then(|| "the variable `MBED_CACHE` names another folder to keep profiles in".to_owned())
    }
}

/// A folder of profiles. Files are replaced whole, so processes that write at the same time do no harm: the last wins.
#[derive(Clone, Debug)]
pub struct ProfileStore {
    folder: PathBuf,
}

impl ProfileKey {
    /// The file's name: readable, and another for each key.
    fn file_name(&self) -> String {
        let tidy = |text: &str, most: usize| {
            let letters =
                text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
            letters.take(most).collect::<String>().to_lowercase()
        };
        let parts = [
            tidy(&self.fingerprint, 16),
            tidy(&self.backend, 16),
            tidy(&self.device, 48),
            tidy(&self.precision, 8),
        ];
        format!("{}.json", parts.join("_"))
    }
}

impl ProfileStore {
    /// Profiles in `folder`, which need not be there yet.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The profile of `key`. One of another version is not read, a file that is none is moved aside, and both are told
    /// in the log; the run goes on as if there were none.
    #[must_use]
    pub fn load(&self, key: &ProfileKey) -> Option<Profile> {
        let path = self.folder.join(key.file_name());
        let profile = read(&path)?;
        if profile.key != *key {
            tracing::warn!(path = %path.display(), "a profile of something else is not used");
            return None;
        }
        Some(profile)
    }

    /// Writes what was learned of `key`.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub fn save(&self, key: &ProfileKey, learnt: Learnt) -> Result<PathBuf, ProfileError> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let written = since_1970.map_or(0, |time| time.as_secs());
        let profile = Profile { version: VERSION, key: key.clone(), learnt, written };
        let content = serde_json::to_vec_pretty(&profile)?;
        fs::create_dir_all(&self.folder).map_err(|source| failed("create", &self.folder, source))?;
        let mut new = tempfile::Builder::new()
            .prefix(".profile-")
            .tempfile_in(&self.folder)
            .map_err(|source| failed("write into", &self.folder, source))?;
        let path = self.folder.join(key.file_name());
        new.write_all(&content).map_err(|source| failed("write", &path, source))?;
        new.persist(&path).map_err(|error| failed("write", &path, error.error))?;
        Ok(path)
    }

    /// Every profile with its file, by file name.
    ///
    /// # Errors
    /// The folder is there and cannot be read.
    pub fn list(&self) -> Result<Vec<(PathBuf, Profile)>, ProfileError> {
        let found = self.files()?.into_iter().filter_map(|path| {
            let profile = read(&path)?;
            Some((path, profile))
        });
        Ok(found.collect())
    }

    /// Removes every profile and what was moved aside, and gives how many files that were.
    ///
    /// # Errors
    /// The folder cannot be read or a file cannot be removed.
    pub fn clear(&self) -> Result<usize, ProfileError> {
        let files = self.files()?;
        for path in &files {
            fs::remove_file(path).map_err(|source| failed("remove", path, source))?;
        }
        Ok(files.len())
    }

    /// Files that are profiles by their names, or were moved aside.
    fn files(&self) -> Result<Vec<PathBuf>, ProfileError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed("read", &self.folder, source)),
        };
        let paths = entries.flatten().map(|entry| entry.path());
        let is_ours = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension == "json" || extension == "corrupt")
        };
        let mut paths: Vec<PathBuf> = paths.filter(is_ours).collect();
        paths.sort();
        Ok(paths)
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> ProfileError {
    ProfileError::File { action, path: path.to_owned(), source }
}

/// Reads a file, or tells in the log why not.
fn read(path: &Path) -> Option<Profile> {
    if path.extension().is_some_and(|extension| extension != "json") {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let version = serde_json::from_str::<serde_json::Value>(&text).ok().map(|value| value["version"].clone());
    if let Some(version) = version.filter(|version| version.is_u64() && *version != VERSION) {
        tracing::warn!(path = %path.display(), %version, "a profile of another version is not used");
        return None;
    }
    let profile: Result<Profile, _> = serde_json::from_str(&text);
    match profile {
        Ok(profile) if profile.learnt.cost.is_sound() => Some(profile),
        Ok(_) => move_aside(path, "its numbers are none"),
        Err(error) => move_aside(path, &error.to_string()),
    }
}

fn move_aside(path: &Path, why: &str) -> Option<Profile> {
    let aside = path.with_extension("corrupt");
    let moved = fs::rename(path, &aside).is_ok();
    tracing::warn!(path = %path.display(), why, moved, "a broken profile is moved aside and not used");
    None
}
