//! Fetching a model from the hub into the cache.
//!
//! `hf-hub` does the transfers and lays out the cache. What it lacks is done here: it waits for ever for a silent
//! server and it takes every content that arrives, so the first question is asked with a time limit, transfers
//! run on a thread that is watched, and sizes and digests are compared with those that the hub told beforehand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;

use super::Snapshot;
use super::cache::link;
use super::transfer::Transfer;
use crate::source::needed::{FileSet, needed};
use crate::source::resolve::{Refresh, Request};
use crate::source::{Revision, Sha256, SourceError};

/// How often a broken transfer is taken up again where it broke.
const RETRIES: usize = 2;

/// Fetches what loading the model takes, and no more.
///
/// All files come from the one commit that the revision stands for when it begins. The revision's name is given to
/// that commit in the cache when all of them are there, so that what was cached before stays in use until then.
pub(in crate::source) fn fetch(request: &Request<'_>) -> Result<Snapshot, SourceError> {
    let api = connect(request)?;
    let revision = request.revision.as_ref().map_or(Revision::MAIN, Revision::as_str);
    let id = request.id.as_str();
    let listing = ask(&api.repo(repository(id, revision)), request)?;
    let cache = Cache::new(request.locations.hub_cache.clone());
    let folder = cache.repo(repository(id, revision)).pointer_path(&listing.sha);
    let mut remote = Remote { api, request, listing, folder, fetched: BTreeSet::new() };
    let files = needed(&mut remote)?;
    if !files.missing.is_empty() {
        return Err(SourceError::Incomplete { place: id.to_owned(), missing: files.missing });
    }
    for name in &files.present {
        remote.fetch(name)?;
    }
    let Remote { listing, folder, .. } = remote;
    name_commit(&cache, request, revision, &listing.sha)?;
    Ok(Snapshot { folder, commit: listing.sha })
}

fn connect(request: &Request<'_>) -> Result<Api, SourceError> {
    let locations = request.locations;
    ApiBuilder::from_cache(Cache::new(locations.hub_cache.clone()))
        .with_endpoint(locations.endpoint.clone())
        .with_token(locations.token.clone())
        .with_progress(false)
        .with_retries(RETRIES)
        .with_user_agent(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
        .build()
        .map_err(|error| SourceError::Unreachable { source: Box::new(error) })
}

fn repository(id: &str, revision: &str) -> Repo {
    Repo::with_revision(id.to_owned(), RepoType::Model, revision.to_owned())
}

/// What the hub tells of a commit.
#[derive(Deserialize)]
struct Listing {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

/// What the hub tells of a file.
#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<Lfs>,
}

/// What the hub tells of a file that does not lie in git itself.
#[derive(Deserialize)]
struct Lfs {
    sha256: Sha256,
}

/// Asks which commit the revision is and which files it has.
fn ask(repository: &ApiRepo, request: &Request<'_>) -> Result<Listing, SourceError> {
    let question = repository.info_request().query("blobs", "true");
    let question = question.config().timeout_global(Some(request.locations.patience));
    let mut response = question
        .http_status_as_error(false)
        .build()
        .call()
        .map_err(|error| SourceError::Unreachable { source: Box::new(error) })?;
    let status = response.status().as_u16();
    if status != 200 {
        let said = response.headers().get("x-error-message").and_then(|value| value.to_str().ok());
        let message = said.unwrap_or(words_for(status)).to_owned();
        return Err(SourceError::Refused { status, message });
    }
    let listing: Listing = response
        .body_mut()
        .read_json()
        .map_err(|error| SourceError::BadAnswer { reason: error.to_string() })?;
    // It becomes the name of a folder.
    if listing.sha.is_empty() || !listing.sha.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(SourceError::BadAnswer { reason: format!("`{}` is not a commit", listing.sha) });
    }
    Ok(listing)
}

fn words_for(status: u16) -> &'static str {
    match status {
        401 | 403 => "the model does not exist, or the token does not give access to it",
        404 => "it knows no such model or revision",
        429 => "too many requests",
        _ => "no reason was given",
    }
}

/// The files of one commit, fetched when they are read.
struct Remote<'a> {
    api: Api,
    request: &'a Request<'a>,
    listing: Listing,
    /// The snapshot that they are fetched into.
    folder: PathBuf,
    /// Those that were transferred just now.
    fetched: BTreeSet<String>,
}

impl FileSet for Remote<'_> {
    fn contains(&self, name: &str) -> bool {
        self.sibling(name).is_some()
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, SourceError> {
        self.fetch(name)?;
        let path = self.place(name);
        fs::read(&path).map_err(|source| SourceError::io("read", &path, source))
    }
}

impl Remote<'_> {
    fn sibling(&self, name: &str) -> Option<&Sibling> {
        self.listing.siblings.iter().find(|sibling| sibling.rfilename == name)
    }

    /// Has a file in the snapshot, by transfer where it is not there or shall be had anew.
    fn fetch(&mut self, name: &str) -> Result<(), SourceError> {
        let path = self.place(name);
        let size = fs::metadata(&path).ok().map(|found| found.len());
        let told = self.sibling(name).and_then(|sibling| sibling.size);
        let here = size.is_some() && (told.is_none() || size == told);
        if self.fetched.contains(name) || here && self.request.refresh == Refresh::IfMissing {
            return Ok(());
        }
        if self.good_blob(name)?.is_none_or(|blob| link(&blob, &path).is_err()) {
            // `hf-hub` leaves alone what is in the place of its link, and fails where that is a link to nothing.
            if size.is_none() || !path.is_symlink() {
                remove(&path)?;
            }
            self.transfer(name)?;
            self.check(name, &path)?;
        }
        self.fetched.insert(name.to_owned());
        Ok(())
    }

    fn transfer(&self, name: &str) -> Result<(), SourceError> {
        self.remove_whole_part(name)?;
        let transfer = Transfer {
            file: name,
            label: format!("{} {name}", self.request.id),
            patience: self.request.locations.patience,
            progress: self.request.progress,
        };
        let mut arrived = None;
        loop {
            let repository = self.api.repo(repository(self.request.id.as_str(), &self.listing.sha));
            let Err(error) = transfer.run(repository) else { return Ok(()) };
            // Another process is at it: that is waited for as long as its part of the file grows.
            let Some(lock) = lock_of_another(&error) else { return Err(error) };
            let now = fs::metadata(lock.with_extension("part")).ok().map(|part| part.len());
            if self.place(name).is_file() {
                return Ok(());
            }
            if now == arrived {
                return Err(error);
            }
            arrived = now;
        }
    }

    /// The content of a file, where another revision has left it in the cache. It is read to the end, so that even
    /// a fetch that shall have everything anew may take it.
    fn good_blob(&self, name: &str) -> Result<Option<PathBuf>, SourceError> {
        let Some(lfs) = self.sibling(name).and_then(|sibling| sibling.lfs.as_ref()) else { return Ok(None) };
        let blob = self.blobs().join(lfs.sha256.to_string());
        if !blob.is_file() {
            return Ok(None);
        }
        let digest = Sha256::of_file(&blob).map_err(|error| SourceError::io("read", &blob, error))?;
        Ok(Some(blob).filter(|_| digest == lfs.sha256))
    }

    /// The folder of the contents that the snapshot's files are links to.
    fn blobs(&self) -> PathBuf {
        self.request.locations.hub_cache.join(self.request.id.cache_folder()).join("blobs")
    }

    /// Removes what an earlier transfer left, where nothing is left to ask for: `hf-hub` would ask for the bytes
    /// behind the last one, and be refused each time.
    fn remove_whole_part(&self, name: &str) -> Result<(), SourceError> {
        let Some(Sibling { size: Some(size), lfs: Some(lfs), .. }) = self.sibling(name) else {
            return Ok(());
        };
        let part = self.blobs().join(format!("{}.part", lfs.sha256));
        match fs::metadata(&part) {
            Ok(found) if found.len() >= *size => remove(&part),
            _ => Ok(()),
        }
    }

    /// Compares a file with what the hub told of it, and removes it where it differs.
    fn check(&self, name: &str, path: &Path) -> Result<(), SourceError> {
        let Some(sibling) = self.sibling(name) else { return Ok(()) };
        let unreadable = |source| SourceError::io("read", path, source);
        let size = fs::metadata(path).map_err(unreadable)?.len();
        let mut differs = sibling
            .size
            .filter(|told| *told != size)
            .map(|told| (format!("{told} bytes"), format!("{size} bytes")));
        if let (None, Some(lfs)) = (&differs, &sibling.lfs) {
            let digest = Sha256::of_file(path).map_err(unreadable)?;
            differs = (digest != lfs.sha256).then(|| (lfs.sha256.to_string(), digest.to_string()));
        }
        let Some((expected, got)) = differs else { return Ok(()) };
        if let Ok(blob) = path.canonicalize() {
            remove(&blob)?;
        }
        remove(path)?;
        Err(SourceError::Mismatch { file: path.to_owned(), expected, got })
    }
}

/// The lock that another process holds on a file, where that is why a transfer failed.
fn lock_of_another(error: &SourceError) -> Option<&Path> {
    let SourceError::Download { source, .. } = error else { return None };
    match source.downcast_ref() {
        Some(ApiError::LockAcquisition(lock)) => Some(lock),
        _ => None,
    }
}

/// Writes into the cache that `revision` is this commit.
fn name_commit(
    cache: &Cache,
    request: &Request<'_>,
    revision: &str,
    commit: &str,
) -> Result<(), SourceError> {
    let refs = cache.path().join(request.id.cache_folder()).join("refs");
    if revision != commit {
        let named = cache.repo(repository(request.id.as_str(), revision)).create_ref(commit);
        named.map_err(|source| SourceError::io("write", &refs.join(revision), source))?;
    }
    // Files were fetched by commit, for which `hf-hub` leaves a name that the Python package would not.
    remove(&refs.join(commit))
}

fn remove(path: &Path) -> Result<(), SourceError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SourceError::io("remove", path, error)),
        _ => Ok(()),
    }
}
