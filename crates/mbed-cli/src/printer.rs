//! The one place that prints. Data goes to standard output, everything else to standard error.

#![expect(clippy::print_stderr, reason = "this file is where printing is allowed")]

use std::io::{self, IsTerminal as _, Write as _};

use crate::failure::Failure;

/// Where words go, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    verbosity: Verbosity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verbosity {
    Normal,
    Quiet,
}

/// One of the two ways out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Printer {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { verbosity: if quiet { Verbosity::Quiet } else { Verbosity::Normal } }
    }

    /// Whether progress bars are drawn: for a person at a terminal who did not ask for silence.
    pub(crate) fn draws_progress(self) -> bool {
        self.verbosity == Verbosity::Normal && io::stderr().is_terminal()
    }

    /// Data: what the command is for. A reader that has gone away is no reason to fail.
    pub(crate) fn data(self, line: &str) {
        let _gone = writeln!(io::stdout(), "{line}");
    }

    /// Something worth knowing, unless silence was asked for.
    pub(crate) fn note(self, line: &str) {
        if self.verbosity == Verbosity::Normal {
            eprintln!("{line}");
        }
    }

    /// A line that comes whatever was asked for, on the stream that was chosen.
    pub(crate) fn result(self, line: &str, stream: Stream) {
        match stream {
            Stream::Stdout => self.data(line),
            Stream::Stderr => eprintln!("{line}"),
        }
    }

    /// An error.
    pub(crate) fn failure(self, failure: &Failure) {
        eprintln!("{failure}");
    }
}
