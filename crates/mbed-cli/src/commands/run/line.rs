//! How a job goes, in one line.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mbed_monitor::{Evidence, Host, Sampler, cores};
use mbed_pipeline::bulk::{Drift, JobWatch, Snapshot};

use crate::gpus;
use crate::printer::Printer;

/// How often a line is written where nobody sees a bar.
const EVERY: Duration = Duration::from_secs(10);

/// How often the machine is looked at, and how many samples are kept: those of a day.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
const SAMPLES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(8639);

/// Shows how a job goes: a bar at a terminal, a line now and then elsewhere.
pub(super) struct JobLine {
    printer: Printer,
    bar: Option<ProgressBar>,
    last: Mutex<Instant>,
    /// Looks at the machine; `None` where no thread is left for that.
    sampler: Option<Sampler>,
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
        let sampler = Sampler::start(Host::new(), gpus::load(printer), SAMPLE_EVERY, SAMPLES).ok();
        Self { printer: printer.clone(), bar, last: Mutex::new(Instant::now()), sampler }
    }

    /// What tells why the machine is slower than when the run was warm.
    fn evidence(&self) -> Vec<String> {
        let samples = self.sampler.as_ref().map_or_else(Vec::new, Sampler::samples);
        // The first sample knows no use of cores yet.
        let (Some(before), Some(now)) = (samples.get(1), samples.last()) else { return Vec::new() };
        Evidence::between(before, now, cores().get() as f64).iter().map(ToString::to_string).collect()
    }

    fn line(&self, snapshot: &Snapshot) -> String {
        let evidence = match snapshot.drift {
            Some(Drift::SlowerMachine { .. }) => self.evidence(),
            _ => Vec::new(),
        };
        line(snapshot, &evidence)
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
            bar.set_message(self.line(snapshot));
            bar.tick();
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= EVERY {
            *last = Instant::now();
            self.printer.note(&self.line(snapshot));
        }
    }

    fn waiting(&self, sink: &str, error: &(dyn Error + Send + Sync)) {
        let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
        self.printer.note(&format!("waiting for {sink}: {error}{cause}"));
    }
}

fn line(snapshot: &Snapshot, evidence: &[String]) -> String {
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
        Some(Drift::LongerTexts { whole, window }) => {
            line += &format!(
                "; slower because texts became longer: {window:.0} tokens each, {whole:.0} on average"
            );
        }
        Some(Drift::SlowerMachine { whole, window }) => {
            line += &format!("; slower: {window:.0} tokens/s now, {whole:.0} in all");
            match evidence {
                [] => line += ", and nothing that can be read here tells why",
                evidence => line += &format!(", {}", evidence.join(", ")),
            }
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
