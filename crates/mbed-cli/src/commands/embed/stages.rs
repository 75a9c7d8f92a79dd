//! What the stages of a run took: `--profile`.

use std::fmt::Write as _;
use std::time::Duration;

use mbed::{RunStats, StageTime};
use serde::Serialize;

/// What the stages of a run took, in the order in which a text passes them.
#[derive(Debug, Serialize)]
pub(super) struct Profile {
    stages: Vec<Stage>,
    /// What one thread was measured to reach, in billions of operations a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_gflops: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Stage {
    name: &'static str,
    /// Over all threads.
    seconds: f64,
    /// Of one thread, where products were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    gflops: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    share_of_peak: Option<f64>,
}

impl Stage {
    fn new(time: &StageTime) -> Self {
        let seconds = time.time.as_secs_f64();
        let rate = (time.operations > 0 && seconds > 0.0).then(|| time.operations as f64 / seconds);
        let share_of_peak = rate.zip(time.peak.filter(|&peak| peak > 0.0)).map(|(rate, peak)| rate / peak);
        Self { name: time.stage, seconds, gflops: rate.map(|rate| rate / 1e9), share_of_peak }
    }

    const fn plain(name: &'static str, time: Duration) -> Self {
        Self { name, seconds: time.as_secs_f64(), gflops: None, share_of_peak: None }
    }
}

impl Profile {
    /// None where the backend could not tell: what is left would mislead.
    pub(super) fn of(times: &[StageTime], stats: &RunStats) -> Option<Self> {
        let first = times.first()?;
        let mut sums: Vec<StageTime> = Vec::new();
        for time in times {
            match sums.iter_mut().find(|sum| sum.stage == time.stage) {
                Some(sum) => {
                    sum.time += time.time;
                    sum.operations += time.operations;
                }
                None => sums.push(*time),
            }
        }
        let mut stages = vec![Stage::plain("tokenise", stats.tokenising)];
        stages.extend(sums.iter().filter(|sum| !sum.time.is_zero()).map(Stage::new));
        stages.push(Stage::plain("write", stats.writing));
        Some(Self { stages, peak_gflops: first.peak.map(|peak| peak / 1e9) })
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let all: f64 = self.stages.iter().map(|stage| stage.seconds).sum();
        let mut table =
            format!("{:14}{:>10}{:>8}{:>10}{:>8}", "stage", "seconds", "share", "GFLOP/s", "peak");
        for stage in &self.stages {
            let share = if all > 0.0 { 100.0 * stage.seconds / all } else { 0.0 };
            // Writing to a String cannot fail.
            let _ = write!(table, "\n{:14}{:>10.3}{share:>7.1}%", stage.name, stage.seconds);
            if let Some((rate, peak)) = stage.gflops.zip(stage.share_of_peak) {
                let _ = write!(table, "{rate:>10.0}{:>7.0}%", 100.0 * peak);
            }
        }
        if let Some(peak) = self.peak_gflops {
            let _ = write!(
                table,
                "\none thread was measured to reach {peak:.0} GFLOP/s; seconds are over all threads"
            );
        }
        table
    }
}
