//! Command lines: run, captured, limited in time, and shown as a person would type them.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// How often a command with a time limit is looked at.
const POLL: Duration = Duration::from_millis(50);

/// A program with its arguments and what is added to its environment.
#[derive(Clone, Debug)]
pub(crate) struct CommandLine {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, String)>,
}

/// How a command with a time limit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It succeeded in time.
    Success,
    /// It failed by itself.
    Failure,
    /// It was stopped.
    TimedOut,
}

impl CommandLine {
    /// `program` without arguments.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self { program: program.as_ref().to_owned(), arguments: Vec::new(), environment: Vec::new() }
    }

    /// `cargo` with the words of `arguments`, which hold no quotes.
    pub(crate) fn cargo(arguments: &str) -> Self {
        Self::new("cargo").words(arguments)
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds each word of `arguments`, which hold no quotes.
    pub(crate) fn words(mut self, arguments: &str) -> Self {
        self.arguments.extend(arguments.split_whitespace().map(OsString::from));
        self
    }

    /// Adds a variable to its environment.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Runs it; what it prints is seen at once.
    ///
    /// # Errors
    /// It cannot be started, or it fails.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let status = self.command().status().with_context(|| format!("cannot start `{self}`"))?;
        self.expect_success(status, "")
    }

    /// Runs it without a terminal on any side and returns what it prints on standard output.
    ///
    /// # Errors
    /// It cannot be started, it fails, or it prints something other than UTF-8.
    pub(crate) fn capture(&self) -> anyhow::Result<String> {
        let mut command = self.command();
        let output =
            command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{self}`"))?;
        self.expect_success(output.status, &String::from_utf8_lossy(&output.stderr))?;
        String::from_utf8(output.stdout)
            .with_context(|| format!("`{self}` prints something other than UTF-8"))
    }

    /// Runs it unseen, and stops it when `limit` is over.
    ///
    /// # Errors
    /// It cannot be started or watched.
    pub(crate) fn try_within(&self, limit: Duration) -> anyhow::Result<Ending> {
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("cannot start `{self}`"))?;
        let status = wait(&mut child, limit).with_context(|| format!("cannot wait for `{self}`"))?;
        Ok(match status {
            None => Ending::TimedOut,
            Some(status) if status.success() => Ending::Success,
            Some(_) => Ending::Failure,
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn expect_success(&self, status: ExitStatus, said: &str) -> anyhow::Result<()> {
        let said = said.trim_end();
        let separator = if said.is_empty() { "" } else { "\n" };
        ensure!(status.success(), "`{self}` failed ({status}){separator}{said}");
        Ok(())
    }
}

/// Waits until `child` ends or `limit` is over; `None` when it had to be stopped.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(POLL);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&quoted(&self.program.to_string_lossy()))?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", quoted(&argument.to_string_lossy())))
    }
}

/// `word` as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_shown_as_a_shell_reads_it() {
        let line =
            CommandLine::cargo("test --doc").arg("a b").arg("it's").arg("").env("FLAGS", "-D warnings");
        assert_eq!(line.to_string(), r"FLAGS='-D warnings' cargo test --doc 'a b' 'it'\''s' ''");
    }

    #[test]
    fn a_failure_names_the_command_and_what_it_said() {
        let line = CommandLine::new("cargo").arg("no-such-command-of-cargo");
        let message = line.capture().unwrap_err().to_string();
        assert!(
            message.starts_with("`cargo no-such-command-of-cargo` failed (exit status: 101)\n"),
            "{message}"
        );
        let missing = CommandLine::new("no-such-program-anywhere").run().unwrap_err();
        assert_eq!(missing.to_string(), "cannot start `no-such-program-anywhere`");
    }

    #[test]
    fn a_command_that_takes_too_long_is_stopped() {
        let version = CommandLine::cargo("--version");
        assert_eq!(version.try_within(Duration::from_secs(60)).unwrap(), Ending::Success);
        assert_eq!(version.try_within(Duration::ZERO).unwrap(), Ending::TimedOut);
        let wrong = version.arg("--no-such-flag");
        assert_eq!(wrong.try_within(Duration::from_secs(60)).unwrap(), Ending::Failure);
    }
}
