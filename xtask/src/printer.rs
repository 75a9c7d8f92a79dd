//! The one place that prints. All of it is talk about the work, so all of it goes to standard error.

#![expect(clippy::print_stderr, reason = "the printer of this program")]

/// Prints one line, or several that belong together.
pub(crate) fn line(text: &str) {
    eprintln!("{text}");
}
