//! The one place of this program that prints: results to standard output, all else to standard error.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this file is where printing is allowed")]

use mbed_bench::BenchError;
use mbed_core::Hint as _;

/// A result.
pub(crate) fn data(line: &str) {
    println!("{line}");
}

/// What is done.
pub(crate) fn note(line: &str) {
    eprintln!("{line}");
}

/// An error with its causes, and what to do about it.
pub(crate) fn failure(error: &BenchError) {
    eprintln!("error: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        eprintln!("  caused by: {found}");
        cause = found.source();
    }
    if let Some(hint) = error.hint() {
        eprintln!("hint: {hint}");
    }
}
