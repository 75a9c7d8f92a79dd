//! The page: one table of families, one of models.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::measure::{Measured, Outcome};

/// What a cell says where a backend does not take a model.
const REFUSED: &str = "refused";

const HEAD: &str = "\
# Which models run where

Measured, not written: `cargo xtask generate` runs every model of the tests on every backend, device and precision that
the machine has, and `cargo xtask test` does it again. A number is the largest difference of any value of any vector from
sentence-transformers' own, alone and in one batch, with and without a prompt, divided by the largest magnitude where
that exceeds 1. `refused` means an error that names the architecture, never another answer.
";

const FAMILIES: &str = "
## Families

`model_type` is what a model's `config.json` says. The number is the largest of the family's models below.

";

const MODELS: &str = "
## Models of the tests

Tiny models with random weights, made by `tests/fixtures/make_goldens.py`; each is there for an architecture, a head or
a form of its files.

";

/// Cells by row and column.
pub(crate) type Cells = BTreeMap<(String, String), String>;

pub(crate) fn render(measured: &[Measured]) -> String {
    let mut page = String::from(HEAD);
    page.push_str(FAMILIES);
    let mut families: BTreeMap<&str, Vec<(&str, Outcome)>> = BTreeMap::new();
    for model in measured {
        let family = families.entry(&model.architecture).or_default();
        for (column, outcome) in &model.cells {
            match family.iter_mut().find(|(known, _)| known == column) {
                Some((_, worst)) => *worst = worse(*worst, *outcome),
                None => family.push((column, *outcome)),
            }
        }
    }
    let rows = families.into_iter().map(|(family, cells)| (vec![format!("`{family}`")], cells));
    table(&mut page, &["`model_type`"], rows);
    page.push_str(MODELS);
    let rows = measured.iter().map(|model| {
        let cells = model.cells.iter().map(|(column, outcome)| (column.as_str(), *outcome)).collect();
        (vec![format!("`{}`", model.model), format!("`{}`", model.architecture)], cells)
    });
    table(&mut page, &["model", "`model_type`"], rows);
    page
}

fn worse(left: Outcome, right: Outcome) -> Outcome {
    match (left, right) {
        (Outcome::Near(left), Outcome::Near(right)) => Outcome::Near(left.max(right)),
        _ => Outcome::Refused,
    }
}

fn table<'a>(
    page: &mut String,
    labels: &[&str],
    rows: impl Iterator<Item = (Vec<String>, Vec<(&'a str, Outcome)>)>,
) {
    for (index, (names, cells)) in rows.enumerate() {
        if index == 0 {
            let columns = labels.iter().copied().chain(cells.iter().map(|(column, _)| *column));
            line(page, columns.map(str::to_owned));
            line(page, (0..labels.len() + cells.len()).map(|_| "---".to_owned()));
        }
        line(page, names.into_iter().chain(cells.iter().map(|(_, outcome)| cell(*outcome))));
    }
}

fn line(page: &mut String, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.collect();
    // Writing into a text does not fail.
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

fn cell(outcome: Outcome) -> String {
    match outcome {
        Outcome::Near(difference) => format!("{difference:.1e}"),
        Outcome::Refused => REFUSED.to_owned(),
    }
}

/// The cells of all tables of a page.
pub(crate) fn cells(page: &str) -> Cells {
    let mut cells = Cells::new();
    let mut columns: Vec<&str> = Vec::new();
    for line in page.lines() {
        let Some(inside) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            columns.clear();
            continue;
        };
        let fields: Vec<&str> = inside.split(" | ").collect();
        if columns.is_empty() {
            columns = fields;
        } else if let Some((name, rest)) = fields.split_first().filter(|(name, _)| **name != "---") {
            for (column, cell) in columns.iter().skip(1).zip(rest) {
                cells.insert(((*name).to_owned(), (*column).to_owned()), (*cell).to_owned());
            }
        }
    }
    cells
}

/// Whether two cells tell the same: both a number, or the same words.
pub(crate) fn says_the_same(left: &str, right: &str) -> bool {
    let is_number = |cell: &str| cell.parse::<f64>().is_ok();
    left == right || is_number(left) && is_number(right)
}
