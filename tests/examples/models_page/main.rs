//! Writes or checks the page that tells which models run where, each cell measured against known vectors.
//!
//! `models_page FILE` writes it, `models_page --check FILE` fails if a cell does not hold on this machine.

mod measure;
mod page;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use mbed_tests::Failure;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["--check", file] => check(Path::new(file)),
        [file] => measure::all().and_then(|measured| Ok(fs::write(file, page::render(&measured))?)),
        _ => Err(Failure::new("usage: models_page [--check] FILE")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure);
            ExitCode::FAILURE
        }
    }
}

/// The figures of another machine may differ in their last digits, and it may have other columns: a cell is fresh
/// while it says the same of what was refused and what was not, and the models are the same.
fn check(file: &Path) -> Result<(), Failure> {
    let held = fs::read_to_string(file)?;
    let fresh = page::render(&measure::all()?);
    let (held, fresh) = (page::cells(&held), page::cells(&fresh));
    let rows = |cells: &page::Cells| cells.keys().map(|(row, _)| row.clone()).collect::<Vec<_>>();
    let (mut held_rows, mut fresh_rows) = (rows(&held), rows(&fresh));
    held_rows.dedup();
    fresh_rows.dedup();
    if held_rows != fresh_rows {
        let lists = format!("it lists {held_rows:?}, measured were {fresh_rows:?}");
        return Err(Failure::new(lists).during(&format!("checking `{}`", file.display())));
    }
    for (place, cell) in &fresh {
        let matches = held.get(place).is_none_or(|held| page::says_the_same(held, cell));
        if !matches {
            let (row, column) = place;
            let message = format!("`{row}`, {column}: measured `{cell}`, the page says `{}`", held[place]);
            return Err(Failure::new(message).during(&format!("checking `{}`", file.display())));
        }
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a tool that is run by hand and by xtask")]
fn report(failure: &Failure) {
    eprintln!("{failure}");
}
