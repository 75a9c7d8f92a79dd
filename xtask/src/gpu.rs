//! `cargo xtask gpu`: what only a machine with a card can prove.

use std::path::PathBuf;

use anyhow::Context;

use crate::command::CommandLine;
use crate::generate;
use crate::journal::Journal;
use crate::setup;
use crate::workspace::Workspace;

/// The variable that tells tests what they must find.
const REQUIRE: &str = "MBEDTEST_REQUIRE";

/// NVIDIA's checker of what kernels do to memory, which comes with the CUDA toolkit.
const SANITIZER: &str = "compute-sanitizer";

/// What it looks for: accesses out of bounds, and threads that race for shared memory.
const SANITIZER_TOOLS: [&str; 2] = ["memcheck", "racecheck"];

/// A run of a few seconds that launches every kernel: each takes some hundred times as long under the checker.
const SHORT_RUN: &str = "f32/known_vectors";

/// Builds, then runs the contract and the trials of cards, and the short run under the checker where there is one.
///
/// # Errors
/// The first step that fails, and a machine without a card.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    Journal::keep(|journal| {
        let tools = setup::all(journal, workspace)?;
        let build = CommandLine::cargo("build --locked --workspace --all-features --bins --tests");
        journal.step("build", || build.run())?;
        let devices = CommandLine::new(workspace.binary(generate::BINARY)).words("devices");
        journal.step("devices", || devices.run())?;
        let contract = CommandLine::new(&tools.nextest)
            .words("nextest run --locked --workspace --all-features --no-fail-fast")
            .arg("-E")
            .arg("binary(conformance) & test(/^cuda/)")
            .env(REQUIRE, "cuda");
        journal.step("contract", || contract.run())?;
        // One process, so that the table of differences is printed in one piece.
        let trials = trials_binary()?;
        let table = CommandLine::new(&trials).words("--nocapture --test-threads 1").env(REQUIRE, "cuda");
        journal.step("trials of cards", || table.run())?;
        if CommandLine::new(SANITIZER).words("--version").capture().is_err() {
            journal.note("`compute-sanitizer` is not here, so memory and races are not checked");
            return Ok(());
        }
        for tool in SANITIZER_TOOLS {
            let check = CommandLine::new(SANITIZER)
                .words("--error-exitcode 1 --tool")
                .arg(tool)
                .arg(&trials)
                .arg(SHORT_RUN);
            journal.step(tool, || check.run())?;
        }
        Ok(())
    })
}

/// Where cargo put the test binary `gpu`: its name ends in a hash.
fn trials_binary() -> anyhow::Result<PathBuf> {
    let build = CommandLine::cargo(
        "test --locked --workspace --all-features --test gpu --no-run --message-format json",
    );
    let said = build.capture()?;
    executable(&said, "gpu").context("cargo does not tell where the test binary `gpu` is")
}

/// The executable of the target `name` in cargo's messages.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut ours = messages.filter(|message| message["target"]["name"] == name);
    ours.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_found_among_cargos_messages() {
        let messages = concat!(
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"other\"},\"executable\":\"a/other-1\"}\n",
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"gpu\"},\"executable\":\"a/gpu-2\"}\n",
            "{\"reason\":\"build-finished\",\"success\":true}\n",
        );
        assert_eq!(executable(messages, "gpu"), Some(PathBuf::from("a/gpu-2")));
        assert_eq!(executable(messages, "cuda"), None);
    }
}
