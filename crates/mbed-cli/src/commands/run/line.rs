//! How a job goes, in one line.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mbed_pipeline::bulk::{Drift, JobWatch, Snapshot};

use crate::printer::Printer;

/// How often a line is written where nobody sees a bar.
const EVERY: Duration = Duration::from_secs(10);

/// Shows how a job goes: a bar at a terminal, a line now and then elsewhere.
pub(super) struct JobLine {
    printer: Printer,
    bar: Option<ProgressBar>,
    last: Mutex<Instant>,
}

impl JobLine {
    pub(super) fn new(printer: &Printer) -> Self {
        let bar = printer.draws_progress().then(|| {
            let bar = printer.show_bar(ProgressBar::new_spinner());
            // The template is a constant; one that could not be read would leave the default style.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { printer: printer.clone(), bar, last: Mutex::new(Instant::now()) }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl JobWatch for JobLine {
    fn unit(&self, snapshot: &Snapshot) {
        if let Some(bar) = &self.bar {
            bar.set_message(line(snapshot));
            bar.tick();
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= EVERY {
            *last = Instant::now();
            self.printer.note(&line(snapshot));
        }
    }
}

fn line(snapshot: &Snapshot) -> String {
    let done = snapshot.totals.records;
    let mut line = match snapshot.all {
        Some(all) if all > 0 => {
            format!("{done} of {all} records ({:.1} %)", 100.0 * done as f64 / all as f64)
        }
        _ => format!("{done} records"),
    };
    if snapshot.totals.rows != done {
        line += &format!(", {} chunks", snapshot.totals.rows);
    }
    line += &format!(
        ", {:.0}/s now, {:.0}/s in all, {:.0} tokens/s",
        snapshot.window_rate, snapshot.whole_rate, snapshot.token_rate
    );
    if snapshot.totals.dead > 0 {
        line += &format!(", {} dead", snapshot.totals.dead);
    }
    match snapshot.left {
        Some((least, most)) => line += &format!(", {} to {} left", shown(least), shown(most)),
        None => line += ", warming up",
    }
    match snapshot.drift {
        Some(Drift::LongerTexts) => line += "; slower because texts became longer",
        Some(Drift::SlowerMachine) => {
            line += "; slower although texts are as before: heat, memory or other work"
        }
        None => {}
    }
    line
}

fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5999 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}
