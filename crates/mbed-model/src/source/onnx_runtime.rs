//! ONNX Runtime's library out of a Python wheel.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};

use mbed_core::{Bytes, Progress};
use serde::Deserialize;

use super::archive::Unpack;
use super::pip::Download;
use super::relative_path::{is_name, stays_inside};
use super::resolve::Refresh;
use super::{Locations, Network, Sha256, SourceError, store};

/// The list that this program was built with: `config/onnxruntime.toml`.
const BUILT_IN: &str = include_str!("../../../../config/onnxruntime.toml");

/// Which Python wheels carry ONNX Runtime's library.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnnxRuntimeWheels {
    package: String,
    version: String,
    /// The version of Python that the wheels are for.
    python: String,
    /// Where the library is in each wheel.
    folder: String,
    #[serde(rename = "wheel")]
    wheels: Vec<LibraryWheel>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LibraryWheel {
    os: String,
    arch: String,
    /// The platform that the wheel's name states.
    platform: String,
    /// The library's file.
    library: String,
    /// How large it is.
    unpacked_bytes: Bytes,
    /// The wheel's own digest.
    sha256: Sha256,
}

impl OnnxRuntimeWheels {
    /// The list that this program was built with.
    ///
    /// # Errors
    /// As [`OnnxRuntimeWheels::parse`]; a test proves that there are none.
    pub fn built_in() -> Result<Self, SourceError> {
        Self::parse(BUILT_IN)
    }

    /// Reads a list from TOML.
    ///
    /// # Errors
    /// The text is not such a list ([`SourceError::LibraryList`]), or names files outside of their folders
    /// ([`SourceError::UnsafeEntry`]).
    pub fn parse(toml: &str) -> Result<Self, SourceError> {
        let list: Self = toml::from_str(toml).map_err(|error| SourceError::LibraryList(Box::new(error)))?;
        let unsafe_name = list.wheels.iter().map(|wheel| &wheel.library).find(|name| !is_name(name));
        let unsafe_name = unsafe_name.or_else(|| (!stays_inside(&list.folder)).then_some(&list.folder));
        match unsafe_name {
            None => Ok(list),
            Some(entry) => Err(SourceError::UnsafeEntry {
                file: PathBuf::from("onnxruntime.toml"),
                entry: entry.clone(),
                reason: "its path leaves the folder",
            }),
        }
    }

    /// The version of the library.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Puts the library for this machine into `folder`, unless it is there already, and gives its path.
    ///
    /// # Errors
    /// No wheel is known for this kind of machine ([`SourceError::NoLibrary`]), the network is off, `pip` fails, or
    /// what it brings is not what it should be.
    pub fn fetch(
        &self,
        folder: &Path,
        refresh: Refresh,
        locations: &Locations,
        progress: &dyn Progress,
    ) -> Result<PathBuf, SourceError> {
        let is_for_this = |wheel: &&LibraryWheel| wheel.os == OS && wheel.arch == ARCH;
        let wheel =
            self.wheels.iter().find(is_for_this).ok_or(SourceError::NoLibrary { os: OS, arch: ARCH })?;
        let target = folder.join(&wheel.library);
        if refresh == Refresh::IfMissing && wheel.is_at(&target) {
            return Ok(target);
        }
        if let Network::Offline { because } = &locations.network {
            return Err(SourceError::Offline { because: because.clone() });
        }
        let staging = store::staging(folder)?;
        let made = staging.path().join("library");
        let archive = self.download(wheel, locations, progress, &staging.path().join("wheel"))?;
        let unpack = Unpack {
            archive: &archive,
            folder: &self.folder,
            only: Some(&wheel.library),
            target: &made,
            limit: wheel.unpacked_bytes,
        };
        unpack.run()?;
        // A rename replaces what is there at once; who has the old one open keeps it.
        let moved = fs::rename(made.join(&wheel.library), &target);
        moved.map_err(|source| SourceError::io("move a library to", &target, source))?;
        Ok(target)
    }

    fn download(
        &self,
        wheel: &LibraryWheel,
        locations: &Locations,
        progress: &dyn Progress,
        folder: &Path,
    ) -> Result<PathBuf, SourceError> {
        let abi = format!("cp{}", self.python.replace('.', ""));
        let options = [
            ["--platform", &wheel.platform],
            ["--python-version", &self.python],
            ["--implementation", "cp"],
            ["--abi", &abi],
        ];
        let requirement = format!("{}=={}", self.package, self.version);
        Download { requirement, options: options.as_flattened(), sha256: wheel.sha256 }
            .fetch(locations, progress, folder)
    }
}

impl LibraryWheel {
    fn is_at(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == self.unpacked_bytes.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_names_the_version_in_every_library() {
        let list = OnnxRuntimeWheels::built_in().unwrap();
        for LibraryWheel { os, library, .. } in &list.wheels {
            assert!(os == "windows" || library.contains(list.version()), "{library}");
        }
        assert!(list.wheels.iter().any(|wheel| wheel.os == "linux" && wheel.arch == "x86_64"));
    }

    #[test]
    fn names_that_leave_their_folder_are_refused() {
        let check = |from: &str, to: &str| {
            let error = OnnxRuntimeWheels::parse(&BUILT_IN.replace(from, to)).unwrap_err();
            assert!(matches!(error, SourceError::UnsafeEntry { .. }), "{error:?}");
        };
        check("\"onnxruntime.dll\"", "\"../onnxruntime.dll\"");
        check("\"onnxruntime/capi\"", "\"/lib\"");
        let error = OnnxRuntimeWheels::parse("package = 1").unwrap_err();
        assert!(matches!(error, SourceError::LibraryList(_)), "{error:?}");
    }
}
