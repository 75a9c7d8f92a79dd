//! `docs/reference/cli.md`: the help of every command, as the binary itself shows it.

use std::fmt::Write as _;
use std::path::Path;

use super::BINARY;
use crate::command::CommandLine;

const HEADER: &str = "\
# The command line

Written by `cargo xtask generate` from what `mbed --help` shows; changes made here are lost.
";

/// The line above the list of a command's own commands.
const COMMANDS: &str = "Commands:";

/// A command that every list has and that only repeats the others.
const HELP: &str = "help";

/// The width that help is wrapped to, whatever terminal this runs in.
const WIDTH: &str = "100";

/// The page, from the binary at `binary`.
///
/// # Errors
/// The binary cannot be run, or one of its commands has no help.
pub(super) fn content(binary: &Path) -> anyhow::Result<String> {
    let help = |path: &[&str]| {
        let command = path.iter().fold(CommandLine::new(binary), |line, word| line.arg(word));
        command.arg("--help").env("COLUMNS", WIDTH).capture()
    };
    let mut page = HEADER.to_owned();
    describe(&mut page, &[], &help)?;
    Ok(page)
}

/// Adds the command at `path` to the page, then the commands below it in the order of its help.
fn describe(
    page: &mut String,
    path: &[&str],
    help: &impl Fn(&[&str]) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let text = help(path)?;
    let name = [&[BINARY], path].concat().join(" ");
    let body: Vec<_> = text.trim_end().lines().map(str::trim_end).collect();
    // Writing to a string cannot fail.
    let _ = write!(page, "\n## `{name}`\n\n```text\n{}\n```\n", body.join("\n"));
    commands(&text).try_for_each(|command| describe(page, &[path, &[command]].concat(), help))
}

/// The names in the list of commands of a help text: the first word of each line that is indented by two.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let list = help.lines().skip_while(|line| *line != COMMANDS).skip(1);
    let entries = list.take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   "));
    entries.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != HELP)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    const TOP: &str = "Turns texts into vectors\n\nUsage: mbed <COMMAND>\n\nCommands:\n  embed  Embeds   \n         \
                       files\n  model  Models\n  help   Help\n\nOptions:\n  -h, --help  Help\n";
    const MODEL: &str = "Models\n\nCommands:\n  pull  Fetches\n";

    fn fake(path: &[&str]) -> anyhow::Result<String> {
        match path {
            [] => Ok(TOP.to_owned()),
            ["model"] => Ok(MODEL.to_owned()),
            ["embed"] | ["model", "pull"] => Ok("Does it\n\nOptions:\n  -q  Quiet\n".to_owned()),
            _ => Err(anyhow!("no such command: {path:?}")),
        }
    }

    #[test]
    fn commands_are_those_of_the_list_alone() {
        let check = |help, names: &[&str]| assert_eq!(commands(help).collect::<Vec<_>>(), names);
        check(TOP, &["embed", "model"]);
        check(MODEL, &["pull"]);
        check("Does it\n\nOptions:\n  -q  Quiet\n", &[]);
    }

    #[test]
    fn every_command_has_a_section_in_the_order_of_its_list() {
        let mut page = String::new();
        describe(&mut page, &[], &fake).unwrap();
        let sections: Vec<_> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(sections, ["## `mbed`", "## `mbed embed`", "## `mbed model`", "## `mbed model pull`"]);
        assert!(
            page.contains("\n## `mbed embed`\n\n```text\nDoes it\n\nOptions:\n  -q  Quiet\n```\n"),
            "{page}"
        );
        assert!(page.lines().all(|line| line == line.trim_end()), "{page}");
    }

    #[test]
    fn a_command_without_help_is_an_error() {
        let error = describe(&mut String::new(), &["lost"], &fake).unwrap_err();
        assert_eq!(error.to_string(), r#"no such command: ["lost"]"#);
    }
}
