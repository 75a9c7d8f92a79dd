//! The cache as the Python package `huggingface_hub` lays it out.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::source::needed::missing_from;
use crate::source::relative_path::is_name;
use crate::source::{ModelId, Revision, SourceError};

/// The files of one commit of a model.
#[derive(Debug)]
pub(in crate::source) struct Snapshot {
    /// Where they are.
    pub folder: PathBuf,
    /// The commit.
    pub commit: String,
}

/// The snapshot of a model that `revision` stands for, with everything in it that loading takes.
///
/// Without a revision it is that of the branch `main`; where the cache does not know that branch, since only a
/// commit was ever fetched, it is the only snapshot there is.
pub(in crate::source) fn find(
    cache: &Path,
    id: &ModelId,
    revision: Option<&Revision>,
) -> Result<Snapshot, SourceError> {
    let repository = cache.join(id.cache_folder());
    let cached = names_in(&repository.join("snapshots"))?;
    if cached.is_empty() {
        return Err(SourceError::NotCached);
    }
    let name = revision.map_or(Revision::MAIN, Revision::as_str);
    let commit = match (commit_of(&repository, name)?, revision, cached.as_slice()) {
        (Some(commit), _, _) => commit,
        (None, None, [only]) => only.clone(),
        (None, _, _) => name.to_owned(),
    };
    if !cached.contains(&commit) {
        return Err(SourceError::RevisionNotCached { revision: name.to_owned(), cached });
    }
    let folder = repository.join("snapshots").join(&commit);
    match missing_from(&folder)? {
        missing if missing.is_empty() => Ok(Snapshot { folder, commit }),
        missing => Err(SourceError::Incomplete { place: folder.display().to_string(), missing }),
    }
}

/// Every snapshot of every model, whole or not, in the order of names.
pub(in crate::source) fn snapshots(cache: &Path) -> Result<Vec<(ModelId, Snapshot)>, SourceError> {
    let mut found = Vec::new();
    for name in names_in(cache)? {
        let Some(id) = ModelId::from_cache_folder(&name) else { continue };
        let folder = cache.join(&name).join("snapshots");
        for commit in names_in(&folder)? {
            found.push((id.clone(), Snapshot { folder: folder.join(&commit), commit }));
        }
    }
    Ok(found)
}

/// Makes a snapshot's file `path` a link to a blob, as the Python package does: relative, so that the cache can be
/// moved, and a copy where the system has no links for everybody.
pub(super) fn link(blob: &Path, path: &Path) -> io::Result<()> {
    if path.canonicalize().is_ok_and(|target| blob.canonicalize().is_ok_and(|blob| blob == target)) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    if path.is_symlink() || path.exists() {
        fs::remove_file(path)?;
    }
    #[cfg(unix)]
    {
        // Both lie in the model's folder: up from one until that folder, then down to the other.
        let up = folder.ancestors().take_while(|above| !blob.starts_with(above)).map(|_| "..");
        let below = folder.ancestors().find_map(|above| blob.strip_prefix(above).ok()).unwrap_or(blob);
        std::os::unix::fs::symlink(up.collect::<PathBuf>().join(below), path)
    }
    #[cfg(not(unix))]
    fs::copy(blob, path).map(|_| ())
}

/// The commit that `refs/NAME` holds, or `None` where there is no such file or it holds something else.
fn commit_of(repository: &Path, name: &str) -> Result<Option<String>, SourceError> {
    let path = repository.join("refs").join(name);
    match fs::read_to_string(&path) {
        Ok(commit) => Ok(Some(commit.trim().to_owned()).filter(|commit| is_name(commit))),
        Err(error) if is_absence(&error) => Ok(None),
        Err(source) => Err(SourceError::io("read", &path, source)),
    }
}

/// The names of all folders in a folder, in order; none where the folder does not exist.
fn names_in(folder: &Path) -> Result<Vec<String>, SourceError> {
    let failed = |source| SourceError::io("list", folder, source);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absence(&error) => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        // Names that are not Unicode are nobody's model.
        if let (true, Ok(name)) = (entry.path().is_dir(), entry.file_name().into_string()) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}
