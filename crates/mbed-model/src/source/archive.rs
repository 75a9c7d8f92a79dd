//! Unpacking one folder of a zip archive, trusting nothing in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::Path;

use mbed_core::Bytes;
use zip::ZipArchive;
use zip::result::ZipError;

use super::SourceError;
use super::digest::Hasher;
use super::relative_path::stays_inside;
use super::store::StoredFile;

/// One folder of a zip archive, and where it shall be.
pub(super) struct Unpack<'a> {
    /// The archive.
    pub archive: &'a Path,
    /// The folder in it.
    pub folder: &'a str,
    /// The only file of the folder that is wanted, where not all of them are.
    pub only: Option<&'a str>,
    /// The folder to be filled. It must be new.
    pub target: &'a Path,
    /// The most bytes that all files may have together.
    pub limit: Bytes,
}

impl Unpack<'_> {
    /// Unpacks the folder and tells what came out, by path below it.
    ///
    /// All entries of the archive are looked at before anything is written, and one that leaves the archive's own
    /// folder, or is a link, spoils it all.
    pub(super) fn run(&self) -> Result<BTreeMap<String, StoredFile>, SourceError> {
        let file = File::open(self.archive).map_err(|error| SourceError::io("open", self.archive, error))?;
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| self.broken(error))?;
        let entries = self.entries(&mut zip)?;
        if entries.is_empty() {
            return Err(SourceError::NotInArchive {
                archive: self.archive.to_owned(),
                folder: self.folder.to_owned(),
            });
        }
        let mut stored = BTreeMap::new();
        for (index, path) in entries {
            let mut entry = zip.by_index(index).map_err(|error| self.broken(error))?;
            let size = entry.size();
            let file = self.write(&mut entry, &self.target.join(&path), size)?;
            stored.insert(path, file);
        }
        Ok(stored)
    }

    /// The files of the folder: their number in the archive and their path below the folder.
    fn entries<R: Read + std::io::Seek>(
        &self,
        zip: &mut ZipArchive<R>,
    ) -> Result<Vec<(usize, String)>, SourceError> {
        let mut found = Vec::new();
        let mut total = 0_u64;
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index).map_err(|error| self.broken(error))?;
            let name = entry.name().map_err(|error| self.broken(error))?.into_owned();
            let path = name.strip_suffix('/').unwrap_or(&name);
            if !stays_inside(path) {
                return Err(self.refused(&name, "its path leaves the folder"));
            }
            if entry.is_symlink() {
                return Err(self.refused(&name, "it is a link"));
            }
            let below = path.strip_prefix(self.folder).and_then(|rest| rest.strip_prefix('/'));
            let below = below.filter(|below| self.only.is_none_or(|wanted| wanted == *below));
            if let (Some(below), false) = (below, entry.is_dir()) {
                total = total.saturating_add(entry.size());
                found.push((index, below.to_owned()));
            }
        }
        if total > self.limit.get() {
            return Err(self.too_large(self.limit));
        }
        Ok(found)
    }

    /// Writes one file, no more of it than the archive's table of contents says.
    fn write(&self, entry: &mut impl Read, path: &Path, size: u64) -> Result<StoredFile, SourceError> {
        let unwritable = |error| SourceError::io("write", path, error);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(unwritable)?;
        }
        let mut output = Hasher::new(File::create_new(path).map_err(unwritable)?);
        let mut buffer = vec![0; 1 << 16];
        let mut left = size;
        loop {
            let count = entry.read(&mut buffer).map_err(|error| self.broken(error.into()))?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            left = left.checked_sub(count as u64).ok_or_else(|| self.too_large(Bytes::new(size)))?;
            output.write_all(bytes).map_err(unwritable)?;
        }
        let (sha256, bytes, file) = output.finish();
        file.sync_all().map_err(unwritable)?;
        Ok(StoredFile { bytes, sha256 })
    }

    fn broken(&self, error: ZipError) -> SourceError {
        SourceError::Archive { archive: self.archive.to_owned(), source: Box::new(error) }
    }

    fn refused(&self, entry: &str, reason: &'static str) -> SourceError {
        SourceError::UnsafeEntry { file: self.archive.to_owned(), entry: entry.to_owned(), reason }
    }

    fn too_large(&self, limit: Bytes) -> SourceError {
        SourceError::TooLarge { archive: self.archive.to_owned(), limit }
    }
}
