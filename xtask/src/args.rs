//! What was asked for on the command line.
//!
//! Four commands and three flags do not pay for an argument parser that every check would wait for.

use anyhow::{Context, bail};

use crate::generate::Mode;

/// What `cargo xtask help` shows.
pub(crate) const USAGE: &str = "\
Usage: cargo xtask COMMAND

Commands:
  set-up                          Install the tools that the other commands use, below the target folder
  check                           Format, spelling and lints: the quick loop while working
  test [--fast] [--require LIST]  Everything that CI runs
  gpu                             Build and run what only a machine with a card can prove
  generate [--check]              Write the generated files, or only tell whether they are fresh
  help                            Show this

Options of `test`:
  --fast          Leave out advisories, each feature alone, documentation and its examples, and require nothing
  --require LIST  What tests must find, separated by commas; what is missing otherwise shows as ignored.
                  The default is `model,onnx,nvrtc`, or `none` with --fast. These are fetched before tests start";

/// One command with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Install the tools.
    SetUp,
    /// The quick loop.
    Check,
    /// Everything that CI runs.
    Test(TestOptions),
    /// Write or check the generated files.
    Generate(Mode),
    /// What only a card can prove.
    Gpu,
    /// Show the usage.
    Help,
}

/// What `test` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TestOptions {
    /// Which steps it takes.
    pub(crate) pace: Pace,
    /// What tests must find; anything else that is missing shows as ignored.
    pub(crate) required: Vec<String>,
}

/// Which steps `test` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// All of them.
    Full,
    /// Only those that find most mistakes.
    Fast,
}

/// Reads the command line, without the program's own name.
///
/// # Errors
/// A command or an option is missing or unknown.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> anyhow::Result<Task> {
    let mut arguments = arguments.into_iter();
    let command = arguments.next().context("a command is missing")?;
    match command.as_str() {
        "set-up" => without_options(Task::SetUp, arguments),
        "check" => without_options(Task::Check, arguments),
        "test" => test_options(arguments).map(Task::Test),
        "gpu" => without_options(Task::Gpu, arguments),
        "generate" => generate_mode(arguments).map(Task::Generate),
        "help" | "--help" | "-h" => Ok(Task::Help),
        _ => bail!("unknown command `{command}`"),
    }
}

fn without_options(task: Task, mut rest: impl Iterator<Item = String>) -> anyhow::Result<Task> {
    rest.next().map_or(Ok(task), |option| bail!("unknown option `{option}`"))
}

fn generate_mode(options: impl Iterator<Item = String>) -> anyhow::Result<Mode> {
    let mut mode = Mode::Write;
    for option in options {
        match option.as_str() {
            "--check" => mode = Mode::Check,
            _ => bail!("unknown option `{option}`"),
        }
    }
    Ok(mode)
}

fn test_options(mut options: impl Iterator<Item = String>) -> anyhow::Result<TestOptions> {
    let mut pace = Pace::Full;
    let mut required = None;
    while let Some(option) = options.next() {
        match option.split_once('=').unwrap_or((&option, "")) {
            ("--fast", "") => pace = Pace::Fast,
            ("--require", "") => required = Some(options.next().context("`--require` needs a list")?),
            ("--require", list) => required = Some(list.to_owned()),
            _ => bail!("unknown option `{option}`"),
        }
    }
    let default = match pace {
        Pace::Full => "model,onnx,nvrtc",
        Pace::Fast => "none",
    };
    let list = required.as_deref().unwrap_or(default);
    let required = list.split(',').map(str::trim).filter(|name| !matches!(*name, "" | "none"));
    Ok(TestOptions { pace, required: required.map(str::to_owned).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> anyhow::Result<Task> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn commands_are_read() {
        let check = |line, task| assert_eq!(read(line).unwrap(), task);
        check("set-up", Task::SetUp);
        check("check", Task::Check);
        check("gpu", Task::Gpu);
        check("generate", Task::Generate(Mode::Write));
        check("generate --check", Task::Generate(Mode::Check));
        check("--help", Task::Help);
    }

    #[test]
    fn a_full_test_requires_what_it_fetches_unless_told_otherwise() {
        let check = |line, pace, required: &[&str]| {
            let required = required.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(read(line).unwrap(), Task::Test(TestOptions { pace, required }));
        };
        check("test", Pace::Full, &["model", "onnx", "nvrtc"]);
        check("test --fast", Pace::Fast, &[]);
        check("test --require model,cuda", Pace::Full, &["model", "cuda"]);
        check("test --require=cuda --fast", Pace::Fast, &["cuda"]);
        check("test --require none", Pace::Full, &[]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let check = |line, message| assert_eq!(read(line).unwrap_err().to_string(), message);
        check("", "a command is missing");
        check("tset", "unknown command `tset`");
        check("check --fast", "unknown option `--fast`");
        check("test --quick", "unknown option `--quick`");
        check("test --fast=yes", "unknown option `--fast=yes`");
        check("test --require", "`--require` needs a list");
        check("generate --dry", "unknown option `--dry`");
    }
}
