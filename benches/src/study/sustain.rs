//! A long run: whether the rate of the beginning is the rate of the whole.

use std::time::{Duration, Instant};

use crate::BenchError;
use crate::machine::Watch;
use crate::measure::{Bench, rows_of_round};
use crate::rows::{Body, Origin, Rehearsal, Row, Sustained, Window};
use crate::run::doubts;
use crate::stats::{median, median_of, trend};
use crate::suite::Cell;
use crate::worker::Worker;
use crate::workload::Workload;

/// Texts after which the time of the whole run is predicted.
const REHEARSALS: [usize; 4] = [20, 100, 500, 2000];

/// A window is steady from where it lies so close to the median of the second half.
const STEADY: f64 = 0.05;

/// What is run, and how long.
#[derive(Clone, Debug)]
pub struct SustainOptions {
    /// What is run.
    pub cell: Cell,
    /// How long.
    pub duration: Duration,
    /// How long a window is.
    pub window: Duration,
}

/// Runs a cell for a long time. `tell` hears each window.
///
/// # Errors
/// The workload has no texts, or the model cannot be opened or run.
pub fn sustain(
    bench: &Bench,
    options: &SustainOptions,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Row>, BenchError> {
    let origin = Origin::here("sustain");
    let workload = Workload::new(&options.cell.workload, None)?;
    let texts = bench.write_texts("texts", &workload.texts)?;
    let mut watch = Watch::begin();
    let begin = Instant::now();
    let worker = bench.open(&options.cell, &workload, &texts)?;
    let mut run = LongRun { worker, begin, done: 0, marks: Vec::new() };
    run.rehearse(options.duration)?;
    let windows = run.windows(options, workload.texts.len(), &mut watch, tell)?;
    let LongRun { worker, begin, done, marks } = run;
    let actual = begin.elapsed().as_secs_f64();
    let rates: Vec<f64> = windows.iter().map(|window| window.texts_per_s).collect();
    let warm_up = warm_up(&rates);
    let steady = rates.get(warm_up..).unwrap_or_default();
    let rehearsals = marks.iter().map(|&(texts, seconds)| Rehearsal {
        texts,
        texts_per_s: texts as f64 / seconds,
        predicted_s: done as f64 * seconds / texts as f64,
        actual_s: actual,
    });
    let sustained = Sustained {
        cell: options.cell.clone(),
        opened: worker.opened.clone(),
        texts_per_s: median_of(steady),
        trend: trend(steady),
        rehearsals: rehearsals.collect(),
        warm_up,
        windows,
    };
    let mut bodies = vec![Body::Sustained(Box::new(sustained))];
    bodies.extend(doubts(&watch, &origin));
    Ok(bodies.into_iter().map(|body| origin.row(body)).collect())
}

struct LongRun {
    worker: Worker,
    begin: Instant,
    /// Texts so far.
    done: usize,
    /// Texts, and seconds since the beginning.
    marks: Vec<(usize, f64)>,
}

impl LongRun {
    /// The first texts, a few at a time, with what the time of each would predict.
    fn rehearse(&mut self, duration: Duration) -> Result<(), BenchError> {
        for texts in REHEARSALS {
            if self.begin.elapsed() > duration / 4 {
                break;
            }
            self.worker.run(texts - self.done)?;
            self.done = texts;
            self.marks.push((texts, self.begin.elapsed().as_secs_f64()));
        }
        Ok(())
    }

    fn windows(
        &mut self,
        options: &SustainOptions,
        texts: usize,
        watch: &mut Watch,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Vec<Window>, BenchError> {
        let length = options.window.as_secs_f64();
        let mut windows: Vec<Window> = Vec::new();
        let (mut count, mut seconds) = (0, 0.0);
        let mut rows = texts;
        while self.begin.elapsed() < options.duration {
            let ran = self.worker.run(rows)?;
            watch.add(ran.processor_s);
            self.done += ran.rows;
            count += ran.rows;
            seconds += ran.seconds;
            // A tenth of a window at a time, so that its end is where it should be.
            rows = rows_of_round(texts, ran.rows as f64 / ran.seconds.max(1e-9) * length / 10.0);
            if seconds < length {
                continue;
            }
            let now = watch.moment();
            let window = Window {
                seconds: self.begin.elapsed().as_secs_f64(),
                texts: count,
                texts_per_s: count as f64 / seconds,
                celsius: now.celsius,
                mhz: now.mhz,
            };
            tell(&format!("{:.0} s: {:.1} texts/s", window.seconds, window.texts_per_s));
            windows.push(window);
            (count, seconds) = (0, 0.0);
        }
        Ok(windows)
    }
}

/// How many windows come before the first that is as fast as the second half.
fn warm_up(rates: &[f64]) -> usize {
    let usual = median(rates.get(rates.len() / 2..).unwrap_or_default());
    let is_steady = |&rate: &f64| (rate - usual).abs() <= usual * STEADY;
    rates.iter().position(is_steady).unwrap_or(0).min(rates.len() / 2)
}

#[cfg(test)]
mod tests {
    use super::warm_up;

    #[test]
    fn the_warm_up_ends_at_the_rate_of_the_second_half() {
        assert_eq!(warm_up(&[50.0, 80.0, 99.0, 100.0, 101.0, 100.0]), 2);
        assert_eq!(warm_up(&[101.0, 100.0, 99.0, 100.0]), 0);
        assert_eq!(warm_up(&[]), 0);
        assert_eq!(
            warm_up(&[200.0, 180.0, 160.0, 100.0, 100.0, 100.0]),
            3,
            "faster at first is no steady part"
        );
    }
}
