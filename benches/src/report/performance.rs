//! The section on speed of the project's own page, out of kept results.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::canvas::grouped;
use super::html::date;
use super::markdown::lines;
use super::tables::Table;
use crate::BenchError;
use crate::rows::{self, Body, Origin, Peer, Row};
use crate::stats::median;

/// The section, of the newest comparison with other engines among the files of a folder.
///
/// # Errors
/// A file cannot be read, or none holds such a comparison.
pub fn performance_section(folder: &Path) -> Result<String, BenchError> {
    let mut newest: Option<(PathBuf, Vec<Row>)> = None;
    for path in files(folder)? {
        let mut rows = rows::read(&path)?;
        rows.retain(|row| matches!(row.body, Body::Peer(_)));
        let time = |rows: &[Row]| rows.iter().map(|row| row.origin.time).max();
        if time(&rows) > newest.as_ref().and_then(|(_, found)| time(found)) {
            newest = Some((path, rows));
        }
    }
    let nothing = || BenchError::BadFile {
        path: folder.to_owned(),
        reason: "no file holds a comparison with other engines".to_owned(),
    };
    let (path, rows) = newest.ok_or_else(nothing)?;
    let origin = &rows.first().ok_or_else(nothing)?.origin;
    Ok(section(&path, origin, &rows))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, BenchError> {
    let failed = |source| BenchError::Read { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    Ok(files)
}

fn section(path: &Path, origin: &Origin, rows: &[Row]) -> String {
    let peers: Vec<&Peer> = rows.iter().filter_map(peer).collect();
    let mut texts: Vec<(&str, f64)> = Vec::new();
    for peer in &peers {
        if !texts.iter().any(|(name, _)| *name == peer.texts) {
            texts.push((&peer.texts, peer.tokens_mean));
        }
    }
    let mut engines: Vec<&str> = Vec::new();
    for peer in peers.iter().filter(|peer| !peer.rounds.is_empty()) {
        if !engines.contains(&peer.engine.as_str()) {
            engines.push(&peer.engine);
        }
    }
    let first = texts.first().map_or("", |(name, _)| *name);
    // Precisions that are fast come first, and of each the engines that are.
    let rank = |engine: &str| {
        let fastest = fastest(&peers, first, |other| precision(other) == precision(engine));
        (fastest.unwrap_or(0.0), rate(&peers, engine, first).unwrap_or(0.0))
    };
    engines.sort_by(|a, b| {
        let ((a_class, a), (b_class, b)) = (rank(a), rank(b));
        b_class.total_cmp(&a_class).then(b.total_cmp(&a))
    });
    let table = engines.iter().map(|engine| line(&peers, engine, &texts)).collect();
    let mut heads = vec!["engine", "precision"];
    let named: Vec<String> =
        texts.iter().map(|(name, mean)| format!("{} ({mean:.1} tokens)", stem(name))).collect();
    heads.extend(named.iter().map(String::as_str));
    heads.push("smallest cosine to f32");
    let threads = peers.first().map_or(0, |peer| peer.threads);
    let rounds = peers.iter().map(|peer| peer.rounds.len()).max().unwrap_or_default();
    let mut text = format!(
        "all-MiniLM-L6-v2 on {}, {threads} threads, texts/s from text to normalised vector; engines\n\
         took turns in one run, each at its best batch size, medians of {rounds} rounds. Behind a rate of mbed stands how many\n\
         times that of the fastest other engine of the same precision it is:\n\n",
        processor(origin)
    );
    text += &lines(&Table { head: heads, lines: table, ..Table::default() });
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "\n`mbed-bench peers` at commit {}, {}; rows with rounds are in `benches/results/{name}`.",
        origin.commit,
        date(origin.time)
    );
    text
}

fn peer(row: &Row) -> Option<&Peer> {
    match &row.body {
        Body::Peer(peer) => Some(peer),
        _ => None,
    }
}

fn stem(name: &str) -> &str {
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

fn processor(origin: &Origin) -> String {
    let machine = &origin.machine;
    let name = machine.processor.as_deref().unwrap_or("an unknown processor");
    format!("{} cores of {name} ({})", machine.cores, machine.instructions)
}

/// `int8` of `mbed-onnx-int8@2`.
fn precision(engine: &str) -> &str {
    let kind = engine.split_once('@').map_or(engine, |(kind, _)| kind);
    kind.rsplit_once('-').map_or("", |(_, precision)| precision)
}

/// What an engine is to readers: its version, and of ours the backend and how many sessions share the threads.
fn label(engine: &str, version: Option<&str>) -> String {
    let (kind, sessions) = engine.split_once('@').map_or((engine, None), |(kind, count)| (kind, Some(count)));
    let (short, _) = kind.rsplit_once('-').unwrap_or((kind, ""));
    let mut label = version.unwrap_or(short).to_owned();
    if short == "mbed-onnx" {
        label += ", ONNX Runtime";
    }
    if let Some(count) = sessions {
        label = format!("{label}, sessions: {count}");
    }
    label
}

fn rate(peers: &[&Peer], engine: &str, texts: &str) -> Option<f64> {
    let found = peers.iter().find(|peer| peer.engine == engine && peer.texts == texts)?;
    (!found.rounds.is_empty()).then(|| median(&found.rounds))
}

fn fastest(peers: &[&Peer], texts: &str, is_meant: impl Fn(&str) -> bool) -> Option<f64> {
    let meant = peers.iter().filter(|peer| is_meant(&peer.engine));
    meant.filter_map(|peer| rate(peers, &peer.engine, texts)).max_by(f64::total_cmp)
}

fn line(peers: &[&Peer], engine: &str, texts: &[(&str, f64)]) -> Vec<String> {
    let of_engine = || peers.iter().filter(|peer| peer.engine == engine);
    let version = of_engine().find_map(|peer| peer.version.as_deref());
    let mut line = vec![label(engine, version), precision(engine).to_owned()];
    for (name, _) in texts {
        let Some(rate) = rate(peers, engine, name) else {
            line.push("–".to_owned());
            continue;
        };
        let is_rival = |other: &str| !other.starts_with("mbed") && precision(other) == precision(engine);
        let rival = fastest(peers, name, is_rival).filter(|_| engine.starts_with("mbed"));
        let times = rival.map_or_else(String::new, |rival| format!(" ({:.1}×)", rate / rival));
        line.push(grouped(rate) + &times);
    }
    let least = of_engine().filter_map(|peer| peer.min_cosine).min_by(f64::total_cmp);
    line.push(least.map_or_else(|| "–".to_owned(), |cosine| format!("{cosine:.5}")));
    line
}
