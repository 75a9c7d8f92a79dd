//! The one place that prints. Data goes to standard output, everything else to standard error.

#![expect(clippy::print_stderr, reason = "this file is where printing is allowed")]

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{MultiProgress, ProgressBar};
use tracing_subscriber::fmt::MakeWriter;

use crate::failure::Failure;

/// Where words go, and how many.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    verbosity: Verbosity,
    /// Holds the progress bar while one is drawn; words wait for it to step aside.
    screen: MultiProgress,
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
        let verbosity = if quiet { Verbosity::Quiet } else { Verbosity::Normal };
        Self { verbosity, screen: MultiProgress::new() }
    }

    /// Whether silence was asked for.
    pub(crate) fn is_quiet(&self) -> bool {
        self.verbosity == Verbosity::Quiet
    }

    /// Puts a progress bar on the screen.
    pub(crate) fn show_bar(&self, bar: ProgressBar) -> ProgressBar {
        self.screen.add(bar)
    }

    /// Where log lines go.
    pub(crate) fn log_writer(&self) -> LogWriter {
        LogWriter { screen: self.screen.clone() }
    }

    /// Whether progress bars are drawn: for a person at a terminal who did not ask for silence.
    pub(crate) fn draws_progress(&self) -> bool {
        self.verbosity == Verbosity::Normal && io::stderr().is_terminal()
    }

    /// Data: what the command is for. A reader that has gone away is no reason to fail.
    pub(crate) fn data(&self, line: &str) {
        let _gone = writeln!(io::stdout(), "{line}");
    }

    /// A screen to draw on, where standard output is a terminal.
    pub(crate) fn screen(&self) -> Option<Screen> {
        let mut out = io::stdout();
        if !out.is_terminal() {
            return None;
        }
        // Another screen than the one with what was typed, without a cursor: as every terminal since the VT220 knows.
        let _gone = write!(out, "\x1b[?1049h\x1b[?25l");
        Some(Screen(()))
    }

    /// Something worth knowing, unless silence was asked for.
    pub(crate) fn note(&self, line: &str) {
        if self.verbosity == Verbosity::Normal {
            self.screen.suspend(|| eprintln!("{line}"));
        }
    }

    /// A line that comes whatever was asked for, on the stream that was chosen.
    pub(crate) fn result(&self, line: &str, stream: Stream) {
        match stream {
            Stream::Stdout => self.data(line),
            Stream::Stderr => eprintln!("{line}"),
        }
    }

    /// An error.
    pub(crate) fn failure(&self, failure: &Failure) {
        eprintln!("{failure}");
    }
}

/// A terminal's screen of its own, until it is dropped.
#[derive(Debug)]
pub(crate) struct Screen(());

impl Screen {
    /// Draws these lines over what was there.
    pub(crate) fn draw(&mut self, lines: &[String]) {
        // To the corner, each line and the rest of it, and what is below.
        let text: String = lines.iter().map(|line| format!("{line}\x1b[K\r\n")).collect();
        let mut out = io::stdout();
        let _gone = write!(out, "\x1b[H{text}\x1b[J").and_then(|()| out.flush());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The cursor and what was there before.
        let mut out = io::stdout();
        let _gone = write!(out, "\x1b[?25h\x1b[?1049l").and_then(|()| out.flush());
    }
}

/// Writes log lines to standard error, beside the progress bar.
#[derive(Clone, Debug)]
pub(crate) struct LogWriter {
    screen: MultiProgress,
}

impl io::Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.screen.suspend(|| io::stderr().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for LogWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
