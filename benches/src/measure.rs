//! Measures cells in turns: each round runs every cell once, so that what the machine does meanwhile strikes all alike.

use std::path::{Path, PathBuf};

use mbed::settings::Settings;

use crate::BenchError;
use crate::machine::{Moment, Watch};
use crate::peak::Peak;
use crate::rows::Throughput;
use crate::stats::{Percentiles, median, median_of, outliers};
use crate::suite::{Cell, Skipped};
use crate::worker::{Launcher, Ran, Worker};
use crate::workload::Workload;

/// Rates are steady where the last ones lie so close together.
const STEADY: f64 = 0.05;

/// How many of the last rates that are.
const STEADY_ROUNDS: usize = 3;

/// Texts that are embedded alone, at most so many and so long.
const ALONE: (usize, f64) = (100, 0.5);

/// How long and how often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Rounds that count.
    pub rounds: usize,
    /// How long a round is to take.
    pub round_seconds: f64,
    /// Rounds that are thrown away at most.
    pub warm_up_rounds: usize,
}

/// What measuring needs: who opens models, with which settings otherwise, and where texts can lie.
#[derive(Debug)]
pub struct Bench {
    /// How children are started.
    pub launcher: Launcher,
    /// Settings that cells do not choose.
    pub base: Settings,
    folder: tempfile::TempDir,
}

/// What came of cells.
#[derive(Debug, Default)]
pub struct Measured {
    /// Those that were measured, in their order.
    pub done: Vec<Throughput>,
    /// Those that were not.
    pub skipped: Vec<Skipped>,
}

/// One cell at work.
struct Running {
    cell: Cell,
    worker: Worker,
    /// Texts of a round.
    rows: usize,
    warm_up: Vec<f64>,
    ran: Vec<Ran>,
    moments: Vec<Moment>,
    joules: Vec<f64>,
}

impl Bench {
    /// # Errors
    /// There is no place for temporary files.
    pub fn new(launcher: Launcher, base: Settings) -> Result<Self, BenchError> {
        let failed = |source| BenchError::Write { path: std::env::temp_dir(), source };
        Ok(Self { launcher, base, folder: tempfile::tempdir().map_err(failed)? })
    }

    /// Where temporary files can lie.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes texts for children to read.
    pub(crate) fn write_texts(&self, name: &str, texts: &[String]) -> Result<PathBuf, BenchError> {
        let path = self.folder.path().join(format!("{name}.jsonl"));
        let lines = texts.iter().map(|text| serde_json::Value::from(text.as_str()).to_string() + "\n");
        let written = std::fs::write(&path, lines.collect::<String>());
        written.map_err(|source| BenchError::Write { path: path.clone(), source })?;
        Ok(path)
    }

    /// Opens a cell.
    pub(crate) fn open(&self, cell: &Cell, workload: &Workload, texts: &Path) -> Result<Worker, BenchError> {
        let mut base = self.base.clone();
        if cell.model != base.model.id {
            base.model.revision = None;
        }
        self.launcher.open(&cell.settings(&base, workload.max_length), texts)
    }

    /// Measures cells of one workload in turns. `tell` hears what is done.
    ///
    /// # Errors
    /// Texts cannot be written. A cell that fails is skipped with its reason.
    pub fn measure(
        &self,
        (cells, workload): (&[Cell], &Workload),
        effort: Effort,
        (peak, watch): (&Peak, &mut Watch),
        tell: &mut dyn FnMut(&str),
    ) -> Result<Measured, BenchError> {
        let texts = self.write_texts("texts", &workload.texts)?;
        let mut measured = Measured::default();
        let mut running = Vec::new();
        for cell in cells {
            tell(&format!("opening {}", cell.key()));
            let begun = self
                .open(cell, workload, &texts)
                .and_then(|worker| Running::begin(cell.clone(), worker, workload.texts.len(), effort));
            match begun {
                Ok(begun) => running.push(begun),
                Err(error) => measured.skip(cell, &error),
            }
        }
        for round in 0..effort.rounds {
            tell(&format!("{}: round {} of {}", workload.name, round + 1, effort.rounds));
            // Nobody always runs behind the same neighbour.
            let first = round.min(running.len().saturating_sub(1));
            running.rotate_left(first);
            measured.keep(&mut running, |cell| cell.round(watch));
        }
        let mut alone = Vec::new();
        measured.keep(&mut running, |cell| {
            alone.push(cell.worker.alone(ALONE.0, ALONE.1)?);
            Ok(())
        });
        let finished = running.into_iter().zip(alone).map(|(cell, alone)| cell.finish(&alone, peak));
        let mut finished: Vec<Throughput> = finished.collect();
        finished.sort_by_key(|done| cells.iter().position(|cell| *cell == done.cell));
        measured.done = finished;
        Ok(measured)
    }
}

impl Measured {
    fn skip(&mut self, cell: &Cell, error: &BenchError) {
        self.skipped.push(Skipped { cell: cell.clone(), reason: error.to_string() });
    }

    /// Lets each cell do something, and drops those that fail.
    fn keep(
        &mut self,
        running: &mut Vec<Running>,
        mut act: impl FnMut(&mut Running) -> Result<(), BenchError>,
    ) {
        running.retain_mut(|cell| match act(cell) {
            Ok(()) => true,
            Err(error) => {
                self.skip(&cell.cell, &error);
                false
            }
        });
    }
}

impl Running {
    /// Warms up: rounds are thrown away until rates are steady, and tell how many texts a round takes.
    fn begin(cell: Cell, mut worker: Worker, texts: usize, effort: Effort) -> Result<Self, BenchError> {
        let mut warm_up = Vec::new();
        let mut rows = texts;
        while warm_up.len() < effort.warm_up_rounds && !is_steady(&warm_up) {
            let ran = worker.run(rows)?;
            let rate = ran.rows as f64 / ran.seconds.max(1e-9);
            warm_up.push(rate);
            rows = rows_of_round(texts, rate * effort.round_seconds);
        }
        Ok(Self { cell, worker, rows, warm_up, ran: Vec::new(), moments: Vec::new(), joules: Vec::new() })
    }

    fn round(&mut self, watch: &mut Watch) -> Result<(), BenchError> {
        let before = watch.moment();
        let ran = self.worker.run(self.rows)?;
        watch.add(ran.processor_s);
        let after = watch.moment();
        let counted = after.joules.zip(before.joules).map(|(after, before)| after - before);
        let drawn = after.watts.zip(before.watts).map(|(after, before)| (after + before) / 2.0 * ran.seconds);
        let joules = match (counted.filter(|&joules| joules >= 0.0), drawn) {
            (None, None) => None,
            (counted, drawn) => Some(counted.unwrap_or_default() + drawn.unwrap_or_default()),
        };
        self.joules.extend(joules.map(|joules| joules / ran.rows.max(1) as f64));
        self.moments.push(after);
        self.ran.push(ran);
        Ok(())
    }

    fn finish(self, alone: &[f64], peak: &Peak) -> Throughput {
        let Self { cell, worker, warm_up, ran, moments, joules, .. } = self;
        let opened = worker.opened.clone();
        let rounds: Vec<f64> = ran.iter().map(|ran| ran.rows as f64 / ran.seconds.max(1e-9)).collect();
        let texts_per_s = median_of(&rounds);
        let sum = |of: fn(&Ran) -> f64| ran.iter().map(of).sum::<f64>();
        let (rows, seconds) = (sum(|ran| ran.rows as f64), sum(|ran| ran.seconds));
        let (tokens, places) = (sum(|ran| ran.tokens as f64), sum(|ran| ran.places as f64));
        let batches: Vec<f64> = ran.iter().flat_map(|ran| ran.batch_ms.iter().copied()).collect();
        let texts = opened.lengths.texts.max(1) as f64;
        let gflops = opened.operations.map(|all| all / texts * texts_per_s.median * 1e-9);
        let best = peak.of(&opened.precision).filter(|_| !opened.device.starts_with("cuda"));
        let processor: Option<f64> = ran.iter().map(|ran| ran.processor_s).sum();
        let mut throttled_by: Vec<String> = moments.iter().flat_map(|now| now.throttled_by.clone()).collect();
        throttled_by.sort();
        throttled_by.dedup();
        Throughput {
            outliers: outliers(&rounds),
            texts_per_s,
            tokens_per_s: texts_per_s.times(tokens / rows.max(1.0)),
            docs_per_min: texts_per_s.median * 60.0,
            batch_ms: Percentiles::of(&batches),
            batch_tokens_mean: (!batches.is_empty()).then(|| tokens / batches.len() as f64),
            alone_ms: Percentiles::of(alone),
            padding: if places > 0.0 { 1.0 - tokens / places } else { 0.0 },
            truncated: sum(|ran| ran.truncated as f64) / rows.max(1.0),
            gflops,
            peak_share: gflops.zip(best).map(|(gflops, best)| gflops / best),
            peak_bytes: ran.iter().filter_map(|ran| ran.peak_bytes).max(),
            cores: processor.map(|processor| processor / seconds.max(1e-9)),
            joules: (!joules.is_empty()).then(|| median(&joules)),
            celsius: moments.iter().filter_map(|now| now.celsius).max_by(f64::total_cmp),
            throttled_by,
            rounds,
            warm_up,
            cell,
            opened,
        }
    }
}

/// All texts so often that they come nearest to `wanted`, at least once.
pub(crate) fn rows_of_round(texts: usize, wanted: f64) -> usize {
    let passes = (wanted / texts.max(1) as f64).round().max(1.0);
    texts.saturating_mul(passes as usize)
}

fn is_steady(rates: &[f64]) -> bool {
    let Some(start) = rates.len().checked_sub(STEADY_ROUNDS) else { return false };
    let last = rates.get(start..).unwrap_or_default();
    let (low, high) =
        last.iter().fold((f64::MAX, 0.0_f64), |(low, high), &rate| (low.min(rate), high.max(rate)));
    high <= low * (1.0 + STEADY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warming_up_ends_where_rates_are_steady() {
        assert!(!is_steady(&[100.0, 101.0]));
        assert!(!is_steady(&[60.0, 100.0, 101.0]));
        assert!(is_steady(&[60.0, 100.0, 101.0, 98.0]));
    }

    #[test]
    fn a_round_embeds_all_texts_equally_often() {
        assert_eq!(rows_of_round(256, 1000.0), 1024);
        assert_eq!(rows_of_round(256, 3.0), 256);
        assert_eq!(rows_of_round(7, f64::MAX), usize::MAX);
    }
}
