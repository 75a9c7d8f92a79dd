//! `cargo xtask test`: everything that CI runs, the cheapest first.

use std::path::Path;
use std::time::Duration;

use crate::args::{Pace, TestOptions};
use crate::check;
use crate::command::{CommandLine, Ending};
use crate::generate::{self, Mode};
use crate::journal::Journal;
use crate::nvrtc;
use crate::setup;
use crate::workspace::Workspace;

/// How long fetching the advisories may take: it is a few seconds where their host can be reached, and a network
/// that drops packets would otherwise hold everything up.
const ADVISORY_LIMIT: Duration = Duration::from_secs(60);

/// The variable that tells tests what they must find; anything else that is missing shows as ignored.
const REQUIRE: &str = "MBEDTEST_REQUIRE";

/// A requirement that is fetched here: the default model.
const MODEL: &str = "model";

/// A requirement that is fetched here: ONNX Runtime's library.
const ONNX: &str = "onnx";

/// All steps that `options` ask for.
///
/// # Errors
/// The first step that fails.
pub(crate) fn run(workspace: &Workspace, options: &TestOptions) -> anyhow::Result<()> {
    Journal::keep(|journal| {
        let tools = setup::all(journal, workspace)?;
        check::text(journal, &tools.quick)?;
        dependencies(journal, &tools.deny)?;
        if options.pace == Pace::Full {
            advisories(journal, &tools.deny)?;
        }
        check::lints(journal)?;
        if options.pace == Pace::Full {
            features(journal, workspace)?;
            documentation(journal)?;
        }
        build(journal)?;
        generated(journal, workspace)?;
        for (requirement, step, words) in
            [(MODEL, "default model", "model pull"), (ONNX, "ONNX Runtime", "onnx fetch")]
        {
            if options.required.iter().any(|name| name == requirement) {
                fetch(journal, workspace, (step, words))?;
            }
        }
        journal.step("page of models", || generate::models_page(Mode::Check, workspace))?;
        if options.required.iter().any(|name| name == nvrtc::REQUIREMENT) {
            kernels(journal, workspace)?;
        }
        tests(journal, &tools.nextest, options)
    })
}

fn dependencies(journal: &mut Journal, deny: &Path) -> anyhow::Result<()> {
    let check = CommandLine::new(deny).words("--locked check --hide-inclusion-graph bans licenses sources");
    journal.step("dependencies", || check.run())
}

/// Fetching apart from checking tells a database that is out of reach from one that names our dependencies.
fn advisories(journal: &mut Journal, deny: &Path) -> anyhow::Result<()> {
    let fetch = CommandLine::new(deny).words("--locked fetch db");
    let check =
        CommandLine::new(deny).words("--locked check --disable-fetch --hide-inclusion-graph advisories");
    let fetched = journal.step("advisories", || {
        let fetched = fetch.try_within(ADVISORY_LIMIT)?;
        if fetched == Ending::Success {
            check.run()?;
        }
        Ok(fetched)
    })?;
    if fetched != Ending::Success {
        journal.note("skipped, the database cannot be reached");
    }
    Ok(())
}

/// Each feature of each package without the others, so that none leans on another, and each package without any.
fn features(journal: &mut Journal, workspace: &Workspace) -> anyhow::Result<()> {
    for package in workspace.with_features() {
        let check = CommandLine::cargo("check --locked --no-default-features --package").arg(package);
        journal.step(&format!("only {package}"), || check.run())?;
    }
    for (package, feature) in workspace.features() {
        let check = CommandLine::cargo("check --locked --no-default-features --package").arg(package);
        journal.step(&format!("only {package}/{feature}"), || check.arg("--features").arg(feature).run())?;
    }
    Ok(())
}

/// The pages of the libraries, with every link in them, and the examples in their comments.
fn documentation(journal: &mut Journal) -> anyhow::Result<()> {
    let pages = CommandLine::cargo("doc --locked --workspace --all-features --no-deps --lib");
    journal.step("documentation", || pages.env("RUSTDOCFLAGS", "--deny warnings").run())
}

/// The command line as well as the tests: some steps and tests run it.
fn build(journal: &mut Journal) -> anyhow::Result<()> {
    let build = CommandLine::cargo("build --locked --workspace --all-features --bins --tests");
    journal.step("build", || build.run())
}

fn generated(journal: &mut Journal, workspace: &Workspace) -> anyhow::Result<()> {
    journal.step("generated files", || generate::all(Mode::Check, &workspace.binary(generate::BINARY)))
}

fn fetch(journal: &mut Journal, workspace: &Workspace, (step, words): (&str, &str)) -> anyhow::Result<()> {
    let fetch = CommandLine::new(workspace.binary(generate::BINARY)).words(words);
    journal.step(step, || fetch.run())
}

/// Every kernel for every architecture, which needs a compiler and no card.
fn kernels(journal: &mut Journal, workspace: &Workspace) -> anyhow::Result<()> {
    let library = journal.step("set up NVRTC", || nvrtc::provide(workspace))?;
    journal.step("kernels", || generate::kernels_page(Mode::Check, workspace, &library))
}

fn tests(journal: &mut Journal, nextest: &Path, options: &TestOptions) -> anyhow::Result<()> {
    let required = options.required.join(",");
    let tests =
        CommandLine::new(nextest).words("nextest run --locked --workspace --all-features --profile ci");
    let tests = tests.env(REQUIRE, required.clone());
    journal.step("tests", || tests.run())?;
    if options.pace == Pace::Full {
        let examples = CommandLine::cargo("test --locked --doc --workspace --all-features");
        journal.step("examples", || examples.env(REQUIRE, required).run())?;
    }
    Ok(())
}
