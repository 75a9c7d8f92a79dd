//! The tables of a report.

use super::canvas::{grouped, short};
use super::figures::{Results, variant};
use crate::machine::Machine;
use crate::rows::{Body, Row, Throughput};
use crate::stats::median;

/// A table: its head, and lines as long as that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table<'a> {
    pub(crate) title: &'static str,
    pub(crate) note: &'static str,
    pub(crate) head: Vec<&'a str>,
    pub(crate) lines: Vec<Vec<String>>,
}

/// Documents a minute that people expect of graphics cards with small models: a name as the driver writes it, and the number.
const CLASSIC_TARGETS: [(&str, f64); 2] = [("RTX 3060", 1000.0), ("A100", 5000.0)];

/// Every table that `rows` have something for.
pub(crate) fn tables(rows: &[Row]) -> Vec<Table<'static>> {
    let results = Results::of(rows);
    let mut found = vec![
        details(&results),
        latency(&results),
        advice(rows),
        accuracy(&results),
        rehearsals(&results),
        peers(&results),
        targets(&results, rows),
        skipped(rows),
    ];
    found.retain(|table| !table.lines.is_empty());
    found
}

fn details(results: &Results<'_>) -> Table<'static> {
    let percent = |part: f64| format!("{:.1} %", part * 100.0);
    let line = |done: &&Throughput| {
        let opened = &done.opened;
        vec![
            variant(done),
            done.cell.workload.to_string(),
            done.cell.batch_tokens.to_string(),
            grouped(opened.lengths.mean),
            interval(done),
            grouped(done.tokens_per_s.median),
            grouped(done.docs_per_min),
            percent(done.padding),
            done.gflops.map_or_else(dash, short),
            done.peak_share.map_or_else(dash, percent),
            done.peak_bytes.map_or_else(dash, |bytes| format!("{:.0} MB", bytes as f64 / 1e6)),
            done.cores.map_or_else(dash, |cores| format!("{cores:.2}")),
            done.joules.map_or_else(dash, |joules| format!("{joules:.3}")),
            format!("{:.2} s", opened.load_s),
            format!("{:.0} ms", opened.first_s * 1e3),
            done.outliers.len().to_string(),
        ]
    };
    Table {
        title: "Every measurement",
        note: "Tokens are real ones, special tokens counted and padding not. Peak is the part of our own matrix products' best \
               rate in the same precision. A dash: this machine or this cell does not tell.",
        head: vec![
            "",
            "texts",
            "batch tokens",
            "tokens each",
            "texts/s (95 %)",
            "tokens/s",
            "docs/min",
            "padding",
            "GFLOP/s",
            "of peak",
            "memory",
            "cores",
            "J/text",
            "load",
            "first",
            "outliers",
        ],
        lines: results.throughput.iter().map(line).collect(),
    }
}

fn interval(done: &Throughput) -> String {
    let rate = done.texts_per_s;
    format!("{} ({} to {})", short(rate.median), short(rate.low), short(rate.high))
}

fn dash() -> String {
    "–".to_owned()
}

fn latency(results: &Results<'_>) -> Table<'static> {
    let line = |done: &&Throughput| {
        let mut line =
            vec![variant(done), done.cell.workload.to_string(), done.cell.batch_tokens.to_string()];
        for times in [done.alone_ms, done.batch_ms] {
            let values = times.map(|times| [times.p50, times.p95, times.p99, times.max]);
            line.extend(values.map_or_else(|| [(); 4].map(|()| dash()), |values| values.map(short)));
        }
        line
    };
    Table {
        title: "Waiting times in milliseconds",
        note: "Of one text alone, from text to vector; and of one batch of a bulk run in the session.",
        head: vec![
            "",
            "texts",
            "batch tokens",
            "alone p50",
            "p95",
            "p99",
            "max",
            "batch p50",
            "p95",
            "p99",
            "max",
        ],
        lines: results.throughput.iter().map(line).collect(),
    }
}

fn advice(rows: &[Row]) -> Table<'static> {
    let line = |row: &Row| match &row.body {
        Body::Advice(advice) => {
            let left_out: Vec<String> = advice.left_out.iter().map(ToString::to_string).collect();
            let share = format!("{:.1} %", advice.default_share * 100.0);
            let left_out = if left_out.is_empty() { dash() } else { left_out.join(", ") };
            Some(vec![advice.of.clone(), advice.setting.clone(), share, left_out, advice.reason.clone()])
        }
        _ => None,
    };
    Table {
        title: "What to set",
        note: "Values that are left out come behind two in a row that were clearly worse than the best.",
        head: vec!["study", "setting", "own choice, of best", "left out", "why"],
        lines: rows.iter().filter_map(line).collect(),
    }
}

fn accuracy(results: &Results<'_>) -> Table<'static> {
    let line = |found: &&crate::rows::Accuracy| {
        let percent = |part: f64| format!("{:.1} %", part * 100.0);
        let [p50, p90, p99, most] = found.distances.map(|distance| format!("{distance:.1e}"));
        vec![
            format!("{} {}", found.opened.device, found.opened.precision),
            format!("{:.6}", found.min_cosine),
            format!("{:.6}", found.mean_cosine),
            p50,
            p90,
            p99,
            most,
            percent(found.recall_at_1),
            percent(found.recall_at_10),
            percent(found.same_ten),
            found.sts.map_or_else(dash, |rho| format!("{:.2}", rho * 100.0)),
            found.reference.clone(),
        ]
    };
    Table {
        title: "Accuracy",
        note: "Cosines to the reference's vectors; 1 − cosine at 50, 90, 99 and 100 of 100 texts; recall of generated passages \
               by generated queries; the part of the reference's first ten that is found too; Spearman's correlation with \
               people's judgement where pairs were given.",
        head: vec![
            "",
            "min",
            "mean",
            "1−cos p50",
            "p90",
            "p99",
            "max",
            "recall@1",
            "recall@10",
            "same ten",
            "STS",
            "reference",
        ],
        lines: results.accuracy.iter().map(line).collect(),
    }
}

fn rehearsals(results: &Results<'_>) -> Table<'static> {
    let of_run = |run: &&crate::rows::Sustained| -> Vec<Vec<String>> {
        let name = format!("{} {}", run.opened.device, run.opened.precision);
        let line = |guess: &crate::rows::Rehearsal| {
            vec![
                name.clone(),
                grouped(guess.texts as f64),
                short(guess.texts_per_s),
                format!("{:.1} s", guess.predicted_s),
                format!("{:.1} s", guess.actual_s),
                format!("{:+.0} %", (guess.predicted_s / guess.actual_s - 1.0) * 100.0),
            ]
        };
        run.rehearsals.iter().map(line).collect()
    };
    Table {
        title: "What the first texts would have predicted",
        note: "The rate of the first texts, opening the model counted, taken for the rate of the whole run.",
        head: vec!["", "after texts", "texts/s so far", "predicted", "really", "wrong by"],
        lines: results.sustained.iter().flat_map(of_run).collect(),
    }
}

fn peers(results: &Results<'_>) -> Table<'static> {
    let line = |peer: &&crate::rows::Peer| {
        let rate = if peer.rounds.is_empty() { dash() } else { short(median(&peer.rounds)) };
        vec![
            peer.engine.clone(),
            peer.version.clone().unwrap_or_else(dash),
            peer.texts.clone(),
            rate,
            peer.batch.map_or_else(dash, |batch| batch.to_string()),
            peer.min_cosine.map_or_else(dash, |cosine| format!("{cosine:.6}")),
            peer.missing.clone().or_else(|| peer.settings.clone()).unwrap_or_default(),
        ]
    };
    Table {
        title: "Other engines",
        note: "In turns on the same texts. Those that could not be measured are named with the reason.",
        head: vec!["engine", "version", "texts", "texts/s", "batch", "min cosine", "settings"],
        lines: results.peers.iter().map(line).collect(),
    }
}

/// The classic targets beside what was measured on each device.
fn targets(results: &Results<'_>, rows: &[Row]) -> Table<'static> {
    let fastest = |workload: &str, device: &str| {
        let fits = |done: &&Throughput| {
            done.opened.device_name == device && done.cell.workload.to_string() == workload
        };
        let rates = results.plain().filter(fits).map(|done| done.docs_per_min);
        rates.max_by(f64::total_cmp).map_or_else(dash, grouped)
    };
    let mut devices: Vec<&str> = Vec::new();
    for done in results.plain() {
        if !devices.contains(&done.opened.device_name.as_str()) {
            devices.push(&done.opened.device_name);
        }
    }
    let target = |device: &str| {
        let found = CLASSIC_TARGETS.iter().find(|(name, _)| device.contains(name));
        found.map_or_else(dash, |(_, target)| grouped(*target))
    };
    let columns = ["documents", "passages", "sentences"];
    let mut lines: Vec<Vec<String>> = Vec::new();
    for device in &devices {
        let mut line = vec![(*device).to_owned(), target(device)];
        line.extend(columns.map(|workload| fastest(workload, device)));
        lines.push(line);
    }
    if lines.is_empty() {
        return Table::default();
    }
    let machine = rows.first().map(|row| row.origin.machine.clone()).unwrap_or_default();
    let missing =
        |name: &str| !devices.iter().any(|device| device.contains(name)) && !has_card(&machine, name);
    for (name, target) in CLASSIC_TARGETS.into_iter().filter(|(name, _)| missing(name)) {
        let mut line = vec![format!("{name} (not in this machine)"), grouped(target)];
        line.extend(columns.map(|_| dash()));
        lines.push(line);
    }
    Table {
        title: "Documents a minute beside the classic targets",
        note: "Targets that are often quoted for small models on graphics cards, and what was measured here at best.",
        head: vec!["device", "classic target", "documents", "passages", "sentences"],
        lines,
    }
}

fn has_card(machine: &Machine, name: &str) -> bool {
    machine.gpus.iter().any(|card| card.contains(name))
}

fn skipped(rows: &[Row]) -> Table<'static> {
    let line = |row: &Row| match &row.body {
        Body::Skipped(left) => {
            Some(vec![left.cell.variant(), left.cell.workload.to_string(), left.reason.clone()])
        }
        _ => None,
    };
    let mut lines: Vec<Vec<String>> = rows.iter().filter_map(line).collect();
    lines.dedup();
    Table { title: "What was left out", note: "", head: vec!["", "texts", "why"], lines }
}
