//! `cargo xtask check`: the quick loop while working, and the first steps of `test`.

use crate::command::CommandLine;
use crate::journal::Journal;
use crate::setup::{self, QuickTools};
use crate::workspace::Workspace;

/// Format, spelling, recipes and lints.
///
/// # Errors
/// The first step that fails.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    Journal::keep(|journal| {
        let tools = setup::quick(journal, workspace)?;
        text(journal, &tools)?;
        lints(journal)
    })
}

/// What needs no build: format, spelling and recipes.
///
/// # Errors
/// The first step that fails.
pub(crate) fn text(journal: &mut Journal, tools: &QuickTools) -> anyhow::Result<()> {
    journal.step("format", || CommandLine::cargo("fmt --all --check").run())?;
    journal.step("spelling", || CommandLine::new(&tools.typos).run())?;
    journal.step("recipes", || CommandLine::new(&tools.just).words("--fmt --check").run())
}

/// Lints, as errors.
///
/// # Errors
/// There is a warning.
pub(crate) fn lints(journal: &mut Journal) -> anyhow::Result<()> {
    let clippy =
        CommandLine::cargo("clippy --locked --workspace --all-targets --all-features -- --deny warnings");
    journal.step("lints", || clippy.run())
}
