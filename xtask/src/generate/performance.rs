//! The section on speed of the first page, out of kept results.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::command::CommandLine;

/// The page whose section it is.
pub(crate) const PAGE: &str = "README.md";

/// The program that knows results. It lies beside the command line's.
pub(crate) const BINARY: &str = "mbed-bench";

const BEGIN: &str = "<!-- Written by `cargo xtask generate` out of benches/results: change those. -->\n";
const END: &str = "<!-- End of what is written. -->";

/// The page with the section as kept results have it.
///
/// # Errors
/// The page cannot be read or has no such section, or the program fails.
pub(crate) fn content(command_line: &Path) -> anyhow::Result<String> {
    let page = fs::read_to_string(PAGE).with_context(|| format!("cannot read `{PAGE}`"))?;
    let program = command_line.with_file_name(format!("{BINARY}{EXE_SUFFIX}"));
    let section = CommandLine::new(&program).words("performance benches/results").capture()?;
    splice(&page, &section).with_context(|| format!("`{PAGE}` has no section between its two marks"))
}

/// `page` with `section` between the marks; `None` where it has no marks.
fn splice(page: &str, section: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n\n{END}{after}", section.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_marks_is_replaced_and_nothing_else() {
        let page = format!("# A\n{BEGIN}old\n{END}\n# B\n");
        let expected = format!("# A\n{BEGIN}\nnew\n\n{END}\n# B\n");
        assert_eq!(splice(&page, "new\n"), Some(expected.clone()));
        assert_eq!(splice(&expected, "new"), Some(expected));
        assert_eq!(splice("# A\n", "new"), None);
    }
}
