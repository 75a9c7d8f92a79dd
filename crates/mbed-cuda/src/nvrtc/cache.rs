//! Compiled kernels on disk.
//!
//! An entry is one file: a mark, the digest of the image, the image. What is not so is built again and replaced. Files
//! appear whole or not at all, so that several programs may share a folder.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mbed_core::Hint;
use sha2::{Digest, Sha256};

/// What an entry begins with. Another form of entries gets another mark.
const MARK: &[u8; 8] = b"mbedker1";

/// Bytes of a digest.
const DIGEST: usize = 32;

/// Where an image came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From disk.
    Cache,
    /// It was compiled.
    Built,
}

/// An image could not be kept on disk, which costs the time of compiling it again.
#[derive(Debug, thiserror::Error)]
#[error("compiled kernels cannot be kept in `{}`", folder.display())]
pub struct CacheError {
    /// The folder.
    pub folder: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl Hint for CacheError {
    fn hint(&self) -> Option<String> {
        Some("without it, kernels are compiled at each start: give another folder in the settings".to_owned())
    }
}

/// A folder of images.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    folder: PathBuf,
}

/// All that an image depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    /// What people read in the file's name.
    pub(super) name: &'a str,
    pub(super) source: &'a str,
    /// Options, architecture and all.
    pub(super) options: &'a [String],
    pub(super) compiler: &'a str,
}

/// An image, and how it was come by.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) image: Vec<u8>,
    pub(super) origin: Origin,
    pub(super) unsaved: Option<CacheError>,
}

impl Key<'_> {
    fn file_name(&self) -> String {
        let mut digest = Sha256::new();
        let parts = [self.name, self.source, self.compiler].into_iter();
        for part in parts.chain(self.options.iter().map(String::as_str)) {
            // With its length, so that parts cannot run into each other.
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let hex: String = digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{hex}.cubin", self.name)
    }
}

impl Cache {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The image of `key` from disk, or what `build` makes, which is then kept.
    pub(super) fn get_or_build<E>(
        &self,
        key: &Key<'_>,
        build: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Found, E> {
        let file = self.folder.join(key.file_name());
        if let Some(image) = read(&file) {
            return Ok(Found { image, origin: Origin::Cache, unsaved: None });
        }
        let image = build()?;
        let unsaved = self.write(&file, &image).err();
        let unsaved = unsaved.map(|source| CacheError { folder: self.folder.clone(), source });
        Ok(Found { image, origin: Origin::Built, unsaved })
    }

    fn write(&self, file: &Path, image: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut room = tempfile::NamedTempFile::new_in(&self.folder)?;
        room.write_all(MARK)?;
        room.write_all(&Sha256::digest(image))?;
        room.write_all(image)?;
        room.as_file().sync_all()?;
        room.persist(file).map_err(|error| error.error)?;
        Ok(())
    }
}

/// The image in `file`, if it is there and whole.
fn read(file: &Path) -> Option<Vec<u8>> {
    let content = fs::read(file).ok()?;
    let (digest, image) = content.strip_prefix(MARK)?.split_at_checked(DIGEST)?;
    (Sha256::digest(image).as_slice() == digest).then(|| image.to_vec())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::error::Error;

    use super::*;

    const KEY: Key<'static> = Key { name: "norm_f16-sm_80", source: "code", options: &[], compiler: "13.0" };

    fn get(cache: &Cache, key: &Key<'_>, built: &[u8]) -> (Vec<u8>, Origin) {
        let found = cache.get_or_build(key, || Ok::<_, Infallible>(built.to_vec())).unwrap();
        assert!(found.unsaved.is_none());
        (found.image, found.origin)
    }

    #[test]
    fn what_was_built_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("inner"));
        assert_eq!(get(&cache, &KEY, b"one"), (b"one".to_vec(), Origin::Built));
        assert_eq!(get(&cache, &KEY, b"two"), (b"one".to_vec(), Origin::Cache));
        let files: Vec<_> = fs::read_dir(folder.path().join("inner")).unwrap().collect();
        assert_eq!(files.len(), 1, "temporary files stay behind: {files:?}");
    }

    #[test]
    fn every_part_of_a_key_counts() {
        let options = ["-DA".to_owned(), "-DB".to_owned()];
        let keys = [
            KEY,
            Key { name: "norm_f16-sm_86", ..KEY },
            Key { source: "other code", ..KEY },
            Key { compiler: "12.9", ..KEY },
            Key { options: &options, ..KEY },
            Key { options: &options[..1], ..KEY },
        ];
        let mut names: Vec<_> = keys.iter().map(Key::file_name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), keys.len());
        let joined = [options.concat()];
        assert_ne!(Key { options: &joined, ..KEY }.file_name(), Key { options: &options, ..KEY }.file_name());
    }

    #[test]
    fn a_damaged_entry_is_built_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().to_owned());
        get(&cache, &KEY, b"an image");
        let file = folder.path().join(KEY.file_name());
        let whole = fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for damaged in [&[][..], &whole[..20], &whole[..whole.len() - 1], &flipped, b"something else"] {
            fs::write(&file, damaged).unwrap();
            assert_eq!(get(&cache, &KEY, b"an image"), (b"an image".to_vec(), Origin::Built));
            assert_eq!(fs::read(&file).unwrap(), whole);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_said_and_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("file");
        fs::write(&occupied, "").unwrap();
        let cache = Cache::new(occupied.join("inner"));
        let found = cache.get_or_build(&KEY, || Ok::<_, Infallible>(b"one".to_vec())).unwrap();
        assert_eq!((found.image.as_slice(), found.origin), (&b"one"[..], Origin::Built));
        let error = found.unsaved.unwrap();
        let path = occupied.join("inner");
        assert_eq!(error.to_string(), format!("compiled kernels cannot be kept in `{}`", path.display()));
        assert!(error.source().is_some());
    }

    #[test]
    fn what_cannot_be_built_leaves_no_entry() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().to_owned());
        assert_eq!(cache.get_or_build(&KEY, || Err("no")).unwrap_err(), "no");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
