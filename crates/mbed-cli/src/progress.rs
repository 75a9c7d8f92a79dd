//! Progress bars, on standard error, for people at a terminal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mbed_core::{Progress, Task};

use crate::printer::Printer;

/// How often a bar that nothing moves is drawn again.
const TICK: Duration = Duration::from_millis(200);

/// Draws one bar at a time.
#[derive(Debug)]
pub(crate) struct Bars {
    printer: Printer,
    current: Mutex<Option<Bar>>,
    tokens: AtomicU64,
}

#[derive(Debug)]
struct Bar {
    bar: ProgressBar,
    since: Instant,
}

impl Bars {
    pub(crate) fn new(printer: &Printer) -> Self {
        Self { printer: printer.clone(), current: Mutex::new(None), tokens: AtomicU64::new(0) }
    }

    fn with_bar(&self, act: impl FnOnce(&mut Option<Bar>)) {
        // A bar that a panic left half drawn is still a bar.
        act(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Progress for Bars {
    fn begin(&self, task: &Task, total: Option<u64>) {
        if !self.printer.draws_progress() {
            return;
        }
        let bar = self.printer.show_bar(total.map_or_else(ProgressBar::no_length, ProgressBar::new));
        let (template, message) = match (task, total) {
            (Task::Download(name), Some(_)) => (
                "fetching {msg} [{bar:30}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} eta {eta}",
                name.clone(),
            ),
            (Task::Download(name), None) => {
                ("fetching {msg} {spinner} {binary_bytes} {binary_bytes_per_sec}", name.clone())
            }
            (_, Some(_)) => (
                "embedding [{bar:30}] {human_pos}/{human_len} texts {per_sec:>12} {msg} eta {eta}",
                String::new(),
            ),
            (_, None) => ("embedding {spinner} {human_pos} texts {per_sec} {msg} {elapsed}", String::new()),
        };
        // The templates are constants; one that indicatif could not read would leave its default style.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(message);
        bar.enable_steady_tick(TICK);
        self.tokens.store(0, Ordering::Relaxed);
        self.with_bar(|current| *current = Some(Bar { bar, since: Instant::now() }));
    }

    fn advance(&self, amount: u64, tokens: u64) {
        let tokens = self.tokens.fetch_add(tokens, Ordering::Relaxed) + tokens;
        self.with_bar(|current| {
            let Some(Bar { bar, since }) = current else { return };
            bar.inc(amount);
            if tokens > 0 {
                let rate = tokens as f64 / since.elapsed().as_secs_f64().max(1e-3);
                bar.set_message(format!("{rate:.0} tokens/s"));
            }
        });
    }

    fn end(&self) {
        self.with_bar(|current| {
            if let Some(Bar { bar, .. }) = current.take() {
                bar.finish_and_clear();
            }
        });
    }
}
