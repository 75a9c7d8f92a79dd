//! The same as the page, for places that show Markdown.

use std::fmt::Write as _;

use super::figures::{Results, sustained_note};
use super::html::{date, warnings};
use super::tables::{Table, tables};
use crate::rows::Row;

/// Every table, and the charts' words.
#[must_use]
pub fn markdown(rows: &[Row]) -> String {
    let mut text = "# How fast this machine embeds\n".to_owned();
    // Writing to a String cannot fail.
    if let Some(row) = rows.first() {
        let origin = &row.origin;
        let (machine, build) = (origin.machine.describe(), origin.features.join(", "));
        let (version, commit, profile) = (&origin.version, &origin.commit, &origin.profile);
        let day = date(origin.time);
        let _ = writeln!(
            text,
            "\n{machine}; mbed {version} at commit {commit}, {profile} build with {build}; {day}"
        );
    }
    for doubt in warnings(rows) {
        let _ = writeln!(text, "\n> {doubt}");
    }
    for run in Results::of(rows).sustained {
        let _ = writeln!(text, "\nSustained: {:.1} texts/s. {}", run.texts_per_s.median, sustained_note(run));
    }
    for found in tables(rows) {
        let _ = write!(text, "\n## {}\n\n", found.title);
        if !found.note.is_empty() {
            let _ = write!(text, "{}\n\n", found.note);
        }
        text += &lines(&found);
    }
    text
}

/// A table's lines, with the first column to the left and the others to the right.
pub(crate) fn lines(table: &Table<'_>) -> String {
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: String = cells.map(|cell| format!(" {} |", cell.replace('|', "\\|"))).collect();
        format!("|{cells}\n")
    };
    let mut text = line(&mut table.head.iter().copied());
    let rules = (0..table.head.len()).map(|place| if place == 0 { "---" } else { "---:" });
    text += &line(&mut rules.collect::<Vec<_>>().into_iter());
    for cells in &table.lines {
        text += &line(&mut cells.iter().map(String::as_str));
    }
    text
}
