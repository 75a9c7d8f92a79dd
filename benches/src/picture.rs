//! Results as text, for a terminal.

use std::fmt::Write as _;

use crate::report::{short_number, warnings};
use crate::rows::{Body, Row, Sustained, SweepPoint, Throughput};
use crate::suite::BatchTokens;

/// How long the longest bar is, in letters.
const BAR: f64 = 36.0;

/// A picture of results, at most 80 letters wide.
#[must_use]
pub fn picture(rows: &[Row]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    if let Some(row) = rows.first() {
        let _ = writeln!(text, "{}", row.origin.machine.describe());
    }
    let done: Vec<&Throughput> = rows
        .iter()
        .filter_map(|row| match &row.body {
            Body::Throughput(done) => Some(done.as_ref()),
            _ => None,
        })
        .collect();
    for group in done.chunk_by(|left, right| left.cell.workload == right.cell.workload) {
        text += &bars(group);
    }
    for of in ["batch", "workers"] {
        let points: Vec<&SweepPoint> = rows
            .iter()
            .filter_map(|row| match &row.body {
                Body::Sweep(point) if point.of == of => Some(point.as_ref()),
                _ => None,
            })
            .collect();
        text += &curve(of, &points);
    }
    for row in rows {
        match &row.body {
            Body::Sustained(run) => text += &spark(run),
            Body::Advice(advice) => {
                let _ = writeln!(text, "\n{}: {}", advice.setting, advice.reason);
            }
            _ => {}
        }
    }
    for doubt in warnings(rows) {
        let _ = writeln!(text, "\nmind, {doubt}");
    }
    text
}

fn bar(part: f64) -> String {
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (part.clamp(0.0, 1.0) * BAR * 8.0).round() as usize;
    let rest = PARTS.get(eighths % 8).filter(|&&part| part != ' ');
    "█".repeat(eighths / 8) + &rest.map(ToString::to_string).unwrap_or_default()
}

fn bars(group: &[&Throughput]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let most = group.iter().map(|done| done.texts_per_s.median).fold(f64::MIN_POSITIVE, f64::max);
    let mean = first.opened.lengths.mean;
    let mut text = format!("\n{}, {mean:.0} tokens on the average, texts a second\n", first.cell.workload);
    for done in group {
        let rate = done.texts_per_s.median;
        let mut name = format!("{} {}", done.opened.device, done.opened.precision);
        if let BatchTokens::Exactly(tokens) = done.cell.batch_tokens {
            name += &format!(", {tokens} a batch");
        }
        let _ = writeln!(text, "  {name:<24} {:>8}  {}", short_number(rate), bar(rate / most));
    }
    text
}

fn curve(of: &str, points: &[&SweepPoint]) -> String {
    if points.is_empty() {
        return String::new();
    }
    let most = points.iter().map(|point| point.beside_default.median).fold(1.0, f64::max);
    let mut text = format!("\n{of}, beside the program's own choice\n");
    for point in points {
        let part = point.beside_default.median;
        let _ = writeln!(text, "  {:<24} {:>6.0} %  {}", point.value, part * 100.0, bar(part / most));
    }
    text
}

fn spark(run: &Sustained) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = run.windows.iter().map(|window| window.texts_per_s).fold(f64::MIN_POSITIVE, f64::max);
    let level = |rate: f64| LEVELS.get((rate / most * 7.0).round() as usize).copied().unwrap_or(' ');
    let line: String = run.windows.iter().take(60).map(|window| level(window.texts_per_s)).collect();
    let rate = short_number(run.texts_per_s.median);
    format!("\nwithout a break, {rate} texts a second\n  {line}\n")
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn bars_are_as_long_as_their_part() {
        assert_eq!(bar(1.0), "█".repeat(36));
        assert_eq!(bar(0.5), "█".repeat(18));
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(1.0 / 72.0), "▌");
    }
}
