//! `cargo xtask set-up`: every tool that the other tasks use.

use std::path::PathBuf;

use anyhow::Context;

use crate::command::CommandLine;
use crate::journal::Journal;
use crate::printer;
use crate::tool;
use crate::workspace::Workspace;

/// Where the tools of the quick loop are.
#[derive(Debug)]
pub(crate) struct QuickTools {
    /// Checks the recipes.
    pub(crate) just: PathBuf,
    /// Checks the spelling.
    pub(crate) typos: PathBuf,
}

/// Where all tools are.
#[derive(Debug)]
pub(crate) struct Tools {
    /// Those of the quick loop.
    pub(crate) quick: QuickTools,
    /// Checks dependencies.
    pub(crate) deny: PathBuf,
    /// Runs tests.
    pub(crate) nextest: PathBuf,
}

/// Installs what is missing and says where everything is.
///
/// # Errors
/// A tool cannot be had.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    Journal::keep(|journal| {
        let Tools { quick, deny, nextest } = all(journal, workspace)?;
        for program in [quick.just, quick.typos, deny, nextest] {
            printer::line(&program.display().to_string());
        }
        Ok(())
    })
}

/// All tools, installed where they are missing.
///
/// # Errors
/// A tool cannot be had.
pub(crate) fn all(journal: &mut Journal, workspace: &Workspace) -> anyhow::Result<Tools> {
    let quick = quick(journal, workspace)?;
    let deny = journal.step("set up cargo-deny", || tool::DENY.provide(workspace))?;
    let nextest = journal.step("set up cargo-nextest", || tool::NEXTEST.provide(workspace))?;
    Ok(Tools { quick, deny, nextest })
}

/// The tools of the quick loop, installed where they are missing.
///
/// # Errors
/// A tool cannot be had.
pub(crate) fn quick(journal: &mut Journal, workspace: &Workspace) -> anyhow::Result<QuickTools> {
    journal.step("set up", || {
        component("rustfmt", &CommandLine::cargo("fmt --version"))?;
        component("clippy", &CommandLine::cargo("clippy --version"))?;
        Ok(QuickTools { just: tool::JUST.provide(workspace)?, typos: tool::TYPOS.provide(workspace)? })
    })
}

/// A part of the toolchain, which only the toolchain's own manager can add.
fn component(name: &str, version: &CommandLine) -> anyhow::Result<()> {
    let said = version.capture();
    said.map(drop).with_context(|| format!("`{name}` is missing: run `rustup component add {name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_component_says_how_to_get_it() {
        let error = component("polish", &CommandLine::cargo("polish --version")).unwrap_err();
        assert_eq!(error.to_string(), "`polish` is missing: run `rustup component add polish`");
        assert!(format!("{error:#}").contains("`cargo polish --version` failed"), "{error:#}");
    }
}
