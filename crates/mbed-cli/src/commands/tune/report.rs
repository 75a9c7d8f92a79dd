//! What `mbed tune` shows.

use super::sweep::Measured;

/// Letters of the longest bar.
const WIDTH: f64 = 40.0;

/// All trials, the best first.
pub(super) fn table(results: &[Measured]) -> String {
    let mut lines = vec![format!(
        "{:>12} {:>8} {:>8} {:>8} {:>7} {:>10} {:>12}",
        "batch tokens", "rows", "workers", "threads", "texts", "texts/s", "tokens/s"
    )];
    lines.extend(results.iter().map(|found| {
        let trial = found.trial;
        let rows = trial.max_rows.map_or_else(|| "any".to_owned(), |rows| rows.to_string());
        format!(
            "{:>12} {rows:>8} {:>8} {:>8} {:>7} {:>10.1} {:>12.0}",
            trial.max_tokens,
            trial.crew.workers,
            trial.crew.threads,
            found.texts,
            found.texts_per_s,
            found.tokens_per_s
        )
    }));
    lines.join("\n")
}

/// How fast batches of each size were, with the workers and threads that are the best: tokens, tokens a second, texts.
pub(super) fn curve(results: &[Measured]) -> Vec<(usize, f64, u64)> {
    let Some(best) = results.first() else { return Vec::new() };
    let mut points: Vec<(usize, f64, u64)> = Vec::new();
    for found in results.iter().filter(|found| found.trial.crew == best.trial.crew) {
        let tokens = found.trial.max_tokens.get();
        match points.iter_mut().find(|point| point.0 == tokens) {
            Some(point) => point.1 = point.1.max(found.tokens_per_s),
            None => points.push((tokens, found.tokens_per_s, found.texts as u64)),
        }
    }
    points.sort_by_key(|point| point.0);
    points
}

/// A bar for each size of batches.
pub(super) fn chart(results: &[Measured]) -> String {
    let points = curve(results);
    let fastest = points.iter().map(|point| point.1).fold(1.0, f64::max);
    let line = |(tokens, rate, _): &(usize, f64, u64)| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "40 at most")]
        let bar = "#".repeat((rate / fastest * WIDTH) as usize);
        format!("{tokens:>12} {bar:<40} {rate:.0} tokens/s")
    };
    points.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The best settings, as a part of `mbed.toml`.
pub(super) fn fragment(best: &Measured) -> String {
    let trial = best.trial;
    let rows = trial.max_rows.map_or_else(|| "\"auto\"".to_owned(), |rows| rows.to_string());
    format!(
        "[batching]\nmax_tokens = {}\nmax_rows = {rows}\n\n[runtime]\nthreads = {}\nworkers_per_device = {}\n",
        trial.max_tokens, trial.crew.threads, trial.crew.workers
    )
}
