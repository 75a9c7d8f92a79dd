//! The two studies that people do by hand: batch sizes, and workers.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::BenchError;
use crate::machine::Watch;
use crate::measure::{Bench, rows_of_round};
use crate::rows::{Advice, Body, Origin, Row, SweepPoint};
use crate::run::doubts;
use crate::stats::{Estimate, median, median_of};
use crate::suite::{Cell, Skipped};
use crate::worker::{Ran, Worker};
use crate::workload::Workload;

/// A point this much below the best is worse, and so many of them in a row end a study.
const WORSE: f64 = 0.97;
const WORSE_POINTS: usize = 2;

/// What a setting must gain over the program's own choice before it is recommended.
const WORTH_SETTING: f64 = 0.03;

/// What is studied.
#[derive(Clone, Debug)]
pub struct SweepOptions {
    /// Everything that stays the same.
    pub cell: Cell,
    /// Rows of a batch, or workers, from the fewest on.
    pub values: Vec<NonZeroUsize>,
    /// How many texts are embedded at a time.
    pub texts: Vec<usize>,
    /// Turns of each point.
    pub rounds: usize,
    /// How long a turn is to take at least.
    pub round_seconds: f64,
}

/// How a study sets a cell.
#[derive(Clone, Copy)]
struct Knob {
    name: &'static str,
    setting: &'static str,
    set: fn(&mut Cell, NonZeroUsize),
}

/// Rows of a batch. What batches of its own choice come to is measured in turns with each of them.
///
/// # Errors
/// A workload has no texts, or the model cannot be opened.
pub fn sweep_batch(
    bench: &Bench,
    options: &SweepOptions,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Row>, BenchError> {
    let set = |cell: &mut Cell, rows| cell.batch_rows = Some(rows);
    sweep(bench, options, Knob { name: "batch", setting: "batching.batch_size", set }, tell)
}

/// Copies of the model.
///
/// # Errors
/// As [`sweep_batch`].
pub fn sweep_workers(
    bench: &Bench,
    options: &SweepOptions,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Row>, BenchError> {
    let set = |cell: &mut Cell, workers| cell.workers = Some(workers);
    sweep(bench, options, Knob { name: "workers", setting: "runtime.workers_per_device", set }, tell)
}

fn sweep(
    bench: &Bench,
    options: &SweepOptions,
    knob: Knob,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Row>, BenchError> {
    let origin = Origin::here(&format!("sweep {}", knob.name));
    let workload = Workload::new(&options.cell.workload, None)?;
    let texts = bench.write_texts("texts", &workload.texts)?;
    let mut curve = Curve { bench, options, knob, workload, texts, watch: Watch::begin() };
    let mut bodies = Vec::new();
    for &count in &options.texts {
        let (points, skipped) = curve.measure(count, tell)?;
        let left_out = options.values.iter().skip(points.len() + skipped.len()).map(|value| value.get());
        if let Some(advice) = advise(knob, &points, left_out.collect()) {
            bodies.push(Body::Advice(advice));
        }
        bodies.extend(points.into_iter().map(|point| Body::Sweep(Box::new(point))));
        bodies.extend(skipped.into_iter().map(Body::Skipped));
    }
    bodies.extend(doubts(&curve.watch, &origin));
    Ok(bodies.into_iter().map(|body| origin.row(body)).collect())
}

struct Curve<'a> {
    bench: &'a Bench,
    options: &'a SweepOptions,
    knob: Knob,
    workload: Workload,
    texts: PathBuf,
    watch: Watch,
}

impl Curve<'_> {
    /// Measures values until the curve is clear.
    fn measure(
        &mut self,
        texts: usize,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(Vec<SweepPoint>, Vec<Skipped>), BenchError> {
        let mut usual = self.bench.open(&self.options.cell, &self.workload, &self.texts)?;
        // The program learns what is best for it before anything counts.
        let learnt = usual.run(texts.max(self.workload.texts.len()))?;
        let enough = learnt.rows as f64 / learnt.seconds.max(1e-9) * self.options.round_seconds;
        usual.run(rows_of_round(self.workload.texts.len(), 2.0 * enough))?;
        let (mut points, mut skipped): (Vec<SweepPoint>, Vec<Skipped>) = (Vec::new(), Vec::new());
        for &value in &self.options.values {
            tell(&format!("{} {value}, {texts} texts", self.knob.name));
            let mut cell = self.options.cell.clone();
            (self.knob.set)(&mut cell, value);
            match self.point((cell.clone(), value), &mut usual, texts) {
                Ok(point) => points.push(point),
                Err(error) => skipped.push(Skipped { cell, reason: error.to_string() }),
            }
            if is_clear(&points) {
                break;
            }
        }
        Ok((points, skipped))
    }

    /// A value and the program's own choice, in turns.
    fn point(
        &mut self,
        (cell, value): (Cell, NonZeroUsize),
        usual: &mut Worker,
        texts: usize,
    ) -> Result<SweepPoint, BenchError> {
        let mut worker = self.bench.open(&cell, &self.workload, &self.texts)?;
        let batch = cell.batch_rows.map_or(0, NonZeroUsize::get);
        // Whole batches only: a rest would count as a small one.
        let rows = texts.max(1).next_multiple_of(batch.max(1));
        let first = worker.run(rows)?;
        let jobs = (self.options.round_seconds / first.seconds.max(1e-9)).ceil().max(1.0) as usize;
        let (mut rounds, mut ratios, mut peak) = (Vec::new(), Vec::new(), first.peak_bytes);
        for _ in 0..self.options.rounds {
            let own = self.jobs(usual, rows, jobs)?;
            let ran = self.jobs(&mut worker, rows, jobs)?;
            rounds.push((rows * jobs) as f64 / ran.seconds.max(1e-9));
            ratios.push(own.seconds / ran.seconds.max(1e-9));
            peak = peak.max(ran.peak_bytes);
        }
        Ok(SweepPoint {
            of: self.knob.name.to_owned(),
            value: value.get(),
            texts,
            cell,
            texts_per_s: median_of(&rounds),
            rounds,
            beside_default: median_of(&ratios),
            peak_bytes: peak,
        })
    }
}

impl Curve<'_> {
    /// The same number of texts so many times, one job behind the other.
    fn jobs(&mut self, worker: &mut Worker, rows: usize, jobs: usize) -> Result<Ran, BenchError> {
        let mut all = Ran::default();
        for _ in 0..jobs {
            let ran = worker.run(rows)?;
            self.watch.add(ran.processor_s);
            all.seconds += ran.seconds;
            all.peak_bytes = all.peak_bytes.max(ran.peak_bytes);
        }
        Ok(all)
    }
}

/// Whether the last points are all worse than the best, beyond noise.
fn is_clear(points: &[SweepPoint]) -> bool {
    let Some(best) = best(points) else { return false };
    let last = points.iter().rev().take(WORSE_POINTS);
    let is_worse = |point: &SweepPoint| point.beside_default.high < best.beside_default.median * WORSE;
    points.len() > WORSE_POINTS && last.filter(|point| is_worse(point)).count() == WORSE_POINTS
}

fn best(points: &[SweepPoint]) -> Option<&SweepPoint> {
    points.iter().max_by(|a, b| a.beside_default.median.total_cmp(&b.beside_default.median))
}

/// What to set. The program's own choice is as good as the median of its rates says, beside the best point's.
fn advise(knob: Knob, points: &[SweepPoint], left_out: Vec<usize>) -> Option<Advice> {
    let best = best(points)?;
    let Estimate { median: gain, low, .. } = best.beside_default;
    let (value, texts) = (best.value, best.texts);
    let stops = points.iter().find(|point| point.beside_default.median >= gain * (1.0 - WORTH_SETTING));
    let stops = stops.map_or(value, |point| point.value);
    let rates: Vec<f64> = points.iter().map(|point| point.texts_per_s.median).collect();
    let (of, setting) = (knob.name, knob.setting);
    let (setting, reason) = if low > 1.0 + WORTH_SETTING {
        let gain = (gain - 1.0) * 100.0;
        (format!("{setting} = {value}"), format!("it is {gain:.1} % faster than the program's own choice"))
    } else {
        let percent = (gain - 1.0) * 100.0;
        let reason = format!(
            "the best that was tried, {value}, is {percent:+.1} % beside the program's own choice in turns with it; beyond \
             {stops} nothing gains more than 3 % (median of all: {:.0} texts/s, {texts} texts at a time)",
            median(&rates)
        );
        (format!("{setting} = \"auto\""), reason)
    };
    let default_share = if gain > 0.0 { 1.0 / gain } else { 1.0 };
    Some(Advice { of: of.to_owned(), setting, reason, default_share, left_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(beside_default: &[f64]) -> Vec<SweepPoint> {
        let point = |(index, &median): (usize, &f64)| SweepPoint {
            of: "workers".to_owned(),
            value: 1 << index,
            texts: 100,
            cell: Cell::of("m", "queries".parse().unwrap()),
            texts_per_s: Estimate { median: 500.0 * median, low: 0.0, high: 0.0 },
            rounds: Vec::new(),
            beside_default: Estimate { median, low: median - 0.01, high: median + 0.01 },
            peak_bytes: None,
        };
        beside_default.iter().enumerate().map(point).collect()
    }

    const WORKERS: Knob = Knob {
        name: "workers",
        setting: "runtime.workers_per_device",
        set: |cell, n| cell.workers = Some(n),
    };

    #[test]
    fn a_study_ends_where_two_points_in_a_row_are_worse() {
        assert!(!is_clear(&points(&[0.5, 0.8, 1.0])), "still rising");
        assert!(!is_clear(&points(&[1.0, 0.99, 0.98])), "within noise");
        assert!(!is_clear(&points(&[1.0, 0.9])), "too few");
        assert!(!is_clear(&points(&[1.0, 0.8, 1.0])));
        assert!(is_clear(&points(&[0.9, 1.0, 0.9, 0.85])));
    }

    #[test]
    fn a_setting_is_advised_where_it_gains_something() {
        let advice = advise(WORKERS, &points(&[0.98, 1.2, 1.21, 1.1]), vec![16]).unwrap();
        assert_eq!(advice.setting, "runtime.workers_per_device = 4");
        assert_eq!(advice.reason, "it is 21.0 % faster than the program's own choice");
        assert!((advice.default_share - 1.0 / 1.21).abs() < 1e-12 && advice.left_out == [16]);
        let advice = advise(WORKERS, &points(&[1.0, 1.01, 0.9]), vec![]).unwrap();
        assert_eq!(advice.setting, "runtime.workers_per_device = \"auto\"");
        assert!(advice.reason.contains("beyond 1 nothing gains more than 3 %"), "{}", advice.reason);
    }
}
