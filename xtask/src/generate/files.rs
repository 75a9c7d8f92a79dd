//! The list of generated files, and what is done with it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, ensure};

use super::{cli_reference, performance};
use crate::command::CommandLine;
use crate::journal::Journal;
use crate::nvrtc;
use crate::printer;
use crate::workspace::Workspace;

/// The name of the command line's binary, which the generators ask.
pub(crate) const BINARY: &str = "mbed";

/// One file and the function that makes its content by asking the binary.
struct Generator {
    file: &'static str,
    content: fn(&Path) -> anyhow::Result<String>,
}

/// Every generated file.
const GENERATORS: &[Generator] = &[
    Generator { file: "docs/reference/cli.md", content: cli_reference::content },
    Generator { file: "docs/reference/settings.md", content: |mbed| said(mbed, "config reference settings") },
    Generator {
        file: "docs/reference/environment.md",
        content: |mbed| said(mbed, "config reference environment"),
    },
    Generator { file: "config/default.toml", content: |mbed| said(mbed, "config init -") },
    Generator { file: "config/schema.json", content: |mbed| said(mbed, "config schema") },
    Generator { file: performance::PAGE, content: performance::content },
];

/// What the binary says when it is called with `words`.
fn said(binary: &Path, words: &str) -> anyhow::Result<String> {
    CommandLine::new(binary).words(words).capture()
}

/// What to do with the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write those that differ.
    Write,
    /// Fail if one differs.
    Check,
}

/// Builds the command line, then writes or checks every file.
///
/// # Errors
/// As [`all`], or the build fails.
pub(crate) fn run(workspace: &Workspace, mode: Mode) -> anyhow::Result<()> {
    Journal::keep(|journal| {
        let build = CommandLine::cargo("build --workspace --all-features --bin").arg(BINARY);
        let build = build.arg("--bin").arg(performance::BINARY);
        journal.step("build", || build.run())?;
        journal.step("generated files", || all(mode, &workspace.binary(BINARY)))?;
        journal.step("page of models", || models_page(mode, workspace))?;
        let library = journal.step("set up NVRTC", || nvrtc::provide(workspace))?;
        journal.step("page of kernels", || kernels_page(mode, workspace, &library))
    })
}

/// Writes or checks every file with a binary that is built already.
///
/// # Errors
/// A generator fails, a file cannot be read or written, or one that is only checked differs.
pub(crate) fn all(mode: Mode, binary: &Path) -> anyhow::Result<()> {
    GENERATORS.iter().try_for_each(|Generator { file, content }| {
        let content = content(binary).with_context(|| format!("cannot generate `{file}`"))?;
        settle(mode, Path::new(file), &content)
    })
}

/// The page of which models run where. Another machine's figures differ, so its own program compares it.
const MODELS_PAGE: &str = "docs/reference/models.md";

/// Measures every model of the tests, and writes or checks the page that tells what came of it.
///
/// # Errors
/// A model cannot be run, is too far from its known vectors, or the page does not say what was measured.
pub(crate) fn models_page(mode: Mode, workspace: &Workspace) -> anyhow::Result<()> {
    measured_page(mode, workspace, ("models_page", None), MODELS_PAGE)
}

/// The page of what kernels need.
const KERNELS_PAGE: &str = "docs/reference/kernels.md";

/// Compiles every kernel with the NVRTC in `library`, and writes or checks the page that tells what came of it.
///
/// # Errors
/// A kernel does not compile, or the page does not say what was measured.
pub(crate) fn kernels_page(mode: Mode, workspace: &Workspace, library: &Path) -> anyhow::Result<()> {
    measured_page(mode, workspace, ("kernels_page", Some(library)), KERNELS_PAGE)
}

/// Builds the example that makes `page`, and runs it.
fn measured_page(
    mode: Mode,
    workspace: &Workspace,
    (example, argument): (&str, Option<&Path>),
    page: &str,
) -> anyhow::Result<()> {
    CommandLine::cargo("build --workspace --all-features --example").arg(example).run()?;
    let mut measure = CommandLine::new(workspace.binary(&format!("examples/{example}")));
    if mode == Mode::Check {
        measure = measure.arg("--check");
    }
    if let Some(argument) = argument {
        measure = measure.arg(argument);
    }
    measure.arg(page).run().with_context(|| format!("`{page}` is not fresh: run `cargo xtask generate`"))
}

/// Makes sure that `file` holds `content`.
fn settle(mode: Mode, file: &Path, content: &str) -> anyhow::Result<()> {
    let name = file.display();
    let held = match fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        read => Some(read.with_context(|| format!("cannot read `{name}`"))?),
    };
    if held.as_deref() == Some(content) {
        return Ok(());
    }
    let line = first_difference(held.as_deref().unwrap_or_default(), content);
    ensure!(mode == Mode::Write, "`{name}` is not fresh from line {line} on: run `cargo xtask generate`");
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
    fs::write(file, content).with_context(|| format!("cannot write `{name}`"))?;
    printer::line(&format!("wrote {name}"));
    Ok(())
}

/// The number of the first line that is not the same in both, counted from 1.
fn first_difference(left: &str, right: &str) -> usize {
    let same = left.split('\n').zip(right.split('\n')).take_while(|(left, right)| left == right);
    same.count() + 1
}

#[cfg(test)]
mod tests {
    use std::env::temp_dir;
    use std::process;

    use super::*;

    #[test]
    fn differences_are_counted_in_lines() {
        let check = |left, right, line| assert_eq!(first_difference(left, right), line);
        check("", "a\n", 1);
        check("a\nb\n", "a\nc\n", 2);
        check("a\n", "a\nb\n", 2);
    }

    #[test]
    fn a_file_is_written_once_and_then_fresh() {
        let folder = temp_dir().join(format!("xtask-settle-{}", process::id()));
        let file = folder.join("inner").join("page.md");
        let missing = settle(Mode::Check, &file, "one\n").unwrap_err().to_string();
        assert!(missing.contains("is not fresh from line 1 on"), "{missing}");
        assert!(!file.exists());
        settle(Mode::Write, &file, "one\n").unwrap();
        settle(Mode::Check, &file, "one\n").unwrap();
        let stale = settle(Mode::Check, &file, "one\ntwo\n").unwrap_err().to_string();
        assert!(stale.contains("is not fresh from line 2 on"), "{stale}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "one\n");
        fs::remove_dir_all(folder).unwrap();
    }
}
