//! Other runtimes, by way of Python.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Failure;

/// The variable with the Python that has the packages of other runtimes; `python3` of the search path without it.
pub const PYTHON: &str = "MBEDTEST_PYTHON";

/// A Python that tests may start.
#[derive(Clone, Debug)]
pub struct Python {
    program: PathBuf,
}

impl Python {
    /// The one that [`PYTHON`] names, or that of the search path.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the harness is told by this variable, and is no part of mbed"
    )]
    pub fn of_environment() -> Self {
        Self { program: std::env::var_os(PYTHON).map_or_else(|| "python3".into(), PathBuf::from) }
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &std::path::Path {
        &self.program
    }

    /// Whether it has a package.
    ///
    /// # Errors
    /// It has not, or cannot be started.
    pub fn has(&self, package: &str) -> Result<(), Failure> {
        self.run(&["-c", &format!("import {package}")], "").map(drop)
    }

    /// Runs it with these arguments and this text to read, and gives what it writes.
    ///
    /// # Errors
    /// It cannot be started, or it fails: then with the last line of what it said.
    pub fn run(&self, arguments: &[&str], input: &str) -> Result<String, Failure> {
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let named = |failure: Failure| failure.during(&format!("running `{}`", self.program.display()));
        let mut child = command.spawn().map_err(|error| named(error.into()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read it all fails with words of its own.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().map_err(|error| named(error.into()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        Err(named(Failure::new(format!("{}: {last}", output.status))))
    }
}
