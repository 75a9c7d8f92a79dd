//! Two files of results beside each other, knowing the noise.

use std::fmt;
use std::path::Path;

use crate::BenchError;
use crate::rows::{self, Body, Row};
use crate::stats::{Ratio, median, ratio_of_medians};

/// A measurement that both files have.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What was measured.
    pub key: String,
    /// Texts a second in the older file.
    pub old: f64,
    /// Texts a second in the newer one.
    pub new: f64,
    /// How the newer stands to the older.
    pub ratio: Ratio,
    /// What that means.
    pub verdict: Verdict,
}

/// What a change means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Faster, by more than noise and what is tolerated.
    Faster,
    /// Slower, by more than noise and what is tolerated.
    Slower,
    /// Neither can be said.
    Same,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Faster => "faster",
            Self::Slower => "SLOWER",
            Self::Same => "same",
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ratio { ratio, .. } = self.ratio;
        let percent = |ratio: f64| (ratio - 1.0) * 100.0;
        let (middle, low, high) = (percent(ratio.median), percent(ratio.low), percent(ratio.high));
        let Self { key, old, new, verdict, .. } = self;
        write!(
            f,
            "{verdict:6} {middle:+6.1} % ({low:+.1} to {high:+.1})  {old:9.1} to {new:9.1} texts/s  {key}"
        )
    }
}

/// Compares the measurements that two files share; a change below `tolerance`, a part of 1, is none.
///
/// # Errors
/// A file cannot be read, or they share nothing.
pub fn compare(old: &Path, new: &Path, tolerance: f64) -> Result<Vec<Change>, BenchError> {
    let changes = between(&rows::read(old)?, &rows::read(new)?, tolerance);
    if changes.is_empty() {
        return Err(BenchError::NothingInCommon { left: old.to_owned(), right: new.to_owned() });
    }
    Ok(changes)
}

/// Fails where a measurement of `new` is slower than in `old`.
///
/// # Errors
/// As [`compare`], or something is slower ([`BenchError::Slower`]).
pub fn gate(old: &Path, new: &Path, tolerance: f64, tell: &mut dyn FnMut(&Change)) -> Result<(), BenchError> {
    let changes = compare(old, new, tolerance)?;
    changes.iter().for_each(tell);
    let count = changes.iter().filter(|change| change.verdict == Verdict::Slower).count();
    if count > 0 { Err(BenchError::Slower { count, all: changes.len() }) } else { Ok(()) }
}

fn between(old: &[Row], new: &[Row], tolerance: f64) -> Vec<Change> {
    let old: Vec<(String, &[f64])> = old.iter().filter_map(rounds).collect();
    let changes = new.iter().filter_map(rounds).filter_map(|(key, new)| {
        let (_, old) = old.iter().rev().find(|(name, _)| *name == key)?;
        let ratio = ratio_of_medians(new, old)?;
        let verdict = if ratio.ratio.high < 1.0 - tolerance {
            Verdict::Slower
        } else if ratio.ratio.low > 1.0 + tolerance {
            Verdict::Faster
        } else {
            Verdict::Same
        };
        Some(Change { key, old: median(old), new: median(new), ratio, verdict })
    });
    changes.collect()
}

/// What a row is about, and its rates.
fn rounds(row: &Row) -> Option<(String, &[f64])> {
    match &row.body {
        Body::Throughput(done) => Some((done.cell.key(), &done.rounds)),
        Body::Sweep(point) => {
            Some((format!("{} · {} texts at a time", point.cell.key(), point.texts), &point.rounds))
        }
        Body::Peer(peer) => Some((format!("{} · {}", peer.engine, peer.texts), &peer.rounds)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Origin, Peer};

    fn row(engine: &str, rounds: &[f64]) -> Row {
        let peer = Peer {
            engine: engine.to_owned(),
            version: None,
            settings: None,
            texts: "sentences".to_owned(),
            rows: 10,
            tokens_mean: 12.0,
            rounds: rounds.to_vec(),
            batch: None,
            min_cosine: None,
            threads: 2,
            missing: None,
        };
        Origin::here("peers").row(Body::Peer(Box::new(peer)))
    }

    #[test]
    fn noise_is_no_change_and_a_loss_is() {
        let noisy = [100.0, 94.0, 106.0, 99.0, 103.0];
        let old = [row("a", &noisy), row("b", &noisy), row("c", &noisy), row("gone", &noisy)];
        let slower = noisy.map(|rate| rate * 0.8);
        let faster = noisy.map(|rate| rate * 1.3);
        let again = [101.0, 95.0, 104.0, 97.0, 100.0];
        let new = [row("a", &slower), row("b", &again), row("c", &faster), row("new", &noisy)];
        let changes = between(&old, &new, 0.02);
        let verdicts: Vec<Verdict> = changes.iter().map(|change| change.verdict).collect();
        assert_eq!(verdicts, [Verdict::Slower, Verdict::Same, Verdict::Faster]);
        let shown = changes[0].to_string();
        assert!(shown.starts_with("SLOWER  -20.0 %") && shown.ends_with("a · sentences"), "{shown}");
    }

    #[test]
    fn a_gate_fails_where_something_is_slower() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new] = ["old.jsonl", "new.jsonl"].map(|name| folder.path().join(name));
        rows::append(&old, &[row("a", &[100.0, 101.0, 99.0])]).unwrap();
        rows::append(&new, &[row("a", &[80.0, 81.0, 79.0])]).unwrap();
        let failed = gate(&old, &new, 0.02, &mut |_| {}).unwrap_err();
        assert_eq!(failed.to_string(), "1 of 1 measurements are slower than in the baseline, beyond noise");
        gate(&new, &old, 0.02, &mut |_| {}).unwrap();
        gate(&old, &old, 0.0, &mut |_| {}).unwrap();
    }

    #[test]
    fn files_of_another_schema_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        rows::append(&path, &[row("a", &[1.0])]).unwrap();
        assert_eq!(
            rows::read(&path).unwrap(),
            [row("a", &[1.0])].map(|mut read| {
                read.origin = rows::read(&path).unwrap()[0].origin.clone();
                read
            })
        );
        let shown = path.display();
        std::fs::write(&path, "\n{\"engine\": \"a\"}\n").unwrap();
        let message = rows::read(&path).unwrap_err().to_string();
        assert_eq!(message, format!("line 2 of `{shown}` has schema none, this program reads 1"));
        std::fs::write(&path, "{\"schema\": 7}\n").unwrap();
        let message = rows::read(&path).unwrap_err().to_string();
        assert_eq!(message, format!("line 1 of `{shown}` has schema 7, this program reads 1"));
        std::fs::write(&path, "{\"schema\": 1}\n").unwrap();
        assert!(rows::read(&path).unwrap_err().to_string().contains("line 1: missing field `origin`"));
    }
}
