//! The compiler of kernels, which tests need and no card.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::command::CommandLine;
use crate::printer;
use crate::workspace::Workspace;

/// What tests call it in `--require`.
pub(crate) const REQUIREMENT: &str = "nvrtc";

/// The Python package that carries the library. Drivers of CUDA 13.0 cannot load the PTX of a newer one, so that this is
/// what has to compile every kernel.
const PACKAGE: &str = "nvidia-cuda-nvrtc";
const VERSION: &str = "13.0.88";

/// SHA-256 of the package for x86-64 and for 64-bit Arm, both for Linux.
const DIGESTS: [&str; 2] = [
    "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
    "d27f20a0ca67a4bb34268a5e951033496c5b74870b868bacd046b1b8e0c3267b",
];

/// Where in the package the library lies.
const LIBRARY: &str = "nvidia/cu13/lib";

/// The folder that holds the library, installed below the target folder if need be.
///
/// # Errors
/// It cannot be installed, or what was installed is not the package with the known digest.
pub(crate) fn provide(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = workspace.target.join("tools").join(format!("{PACKAGE}-{VERSION}"));
    let library = folder.join(LIBRARY);
    if library.is_dir() {
        return Ok(library);
    }
    printer::line(&format!("installing {PACKAGE} {VERSION} into {}", folder.display()));
    let tools = workspace.target.join("tools");
    fs::create_dir_all(&tools).with_context(|| format!("cannot make `{}`", tools.display()))?;
    let list = tools.join(format!("{PACKAGE}.txt"));
    fs::write(&list, requirements()).with_context(|| format!("cannot write `{}`", list.display()))?;
    let pip = CommandLine::new("python3").words(
        "-m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --upgrade --require-hashes",
    );
    let pip = pip.arg("--target").arg(&folder).arg("--requirement").arg(&list);
    pip.capture().with_context(|| format!("cannot install `{PACKAGE} {VERSION}`"))?;
    ensure!(library.is_dir(), "`{PACKAGE}` was installed without `{LIBRARY}`");
    Ok(library)
}

/// What the installer is told: this version, and nothing with another digest.
fn requirements() -> String {
    let digests = DIGESTS.map(|digest| format!(" --hash=sha256:{digest}"));
    format!("{PACKAGE}=={VERSION}{}\n", digests.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_packages_are_installed() {
        let line = requirements();
        assert!(line.starts_with("nvidia-cuda-nvrtc==13.0.88 --hash=sha256:ad9b6d2e"), "{line}");
        assert_eq!(line.matches("--hash=sha256:").count(), 2);
        assert!(DIGESTS.iter().all(|digest| digest.len() == 64));
    }
}
