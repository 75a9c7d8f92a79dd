//! What `mbed monitor` takes and does.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use clap::Args;
use mbed::{Bytes, Cancel};
use mbed_monitor::{GpuSample, Host, Sample, Sampler};
use serde_json::json;

use super::view;
use crate::failure::Failure;
use crate::gpus;
use crate::printer::Printer;
use crate::status::Status;

/// Samples that are kept for the curves.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(59);

/// A sample that is so late does not come.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often somebody who waits looks for Ctrl-C.
const CANCEL_INTERVAL: Duration = Duration::from_millis(50);

/// Watch memory, its limits, cores, heat and graphics cards, until Ctrl-C: a live view at a terminal, else a line for each
/// sample
#[derive(Debug, Args)]
pub(crate) struct MonitorArguments {
    /// Print each sample as a JSON object
    #[arg(long)]
    json: bool,
    /// Print a line for each sample at a terminal too
    #[arg(long, conflicts_with = "json")]
    lines: bool,
    /// Seconds between two samples
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
    /// End after so many samples
    #[arg(long, value_name = "N")]
    samples: Option<u64>,
    /// Watch the memory of this process instead of mbed's own
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
}

/// `1`, `0.5` or `1s`.
fn interval(text: &str) -> Result<Duration, String> {
    let seconds = text
        .trim_end_matches('s')
        .parse::<f64>()
        .ok()
        .filter(|&seconds| (0.01..=86_400.0).contains(&seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("`{text}` is not between 0.01 and 86400 seconds"))
}

pub(crate) fn run(arguments: &MonitorArguments, printer: &Printer) -> Result<Status, Failure> {
    let host = arguments.pid.map_or_else(Host::new, |pid| Host::new().of_process(pid));
    if host.process().is_none() {
        printer.note("nobody tells the memory of that process here");
    }
    let gpus = gpus::load(printer);
    let sampler = Sampler::start(host, gpus, arguments.interval, KEPT)?;
    let mut screen = if arguments.json || arguments.lines { None } else { printer.screen() };
    let cancel = Cancel::new();
    if screen.is_some() {
        // The terminal must not be left as the view needs it.
        let wish = cancel.clone();
        ctrlc::set_handler(move || wish.cancel())
            .map_err(|error| Failure::new(format!("cannot listen for Ctrl-C: {error}"), None))?;
    }
    let mut seen = 0;
    while arguments.samples.is_none_or(|most| seen < most) {
        let Some((sample, taken)) = wait(&sampler, seen, (arguments.interval, &cancel))? else {
            return Ok(Status::Interrupted);
        };
        seen = taken;
        if let Some(screen) = &mut screen {
            screen.draw(&view::screen(&sampler.samples()));
            continue;
        }
        let line = if arguments.json { json!(sample).to_string() } else { describe(&sample) };
        printer.data(&line);
    }
    Ok(Status::Success)
}

/// The next sample and how many there were, or `None` where somebody wants the end.
fn wait(
    sampler: &Sampler,
    seen: u64,
    (interval, cancel): (Duration, &Cancel),
) -> Result<Option<(Sample, u64)>, Failure> {
    let end = Instant::now() + interval * 2 + PATIENCE;
    while Instant::now() < end {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        if let Some(found) = sampler.wait(seen, CANCEL_INTERVAL) {
            return Ok(Some(found));
        }
    }
    Err(Failure::new("no sample came", None))
}

fn describe(sample: &Sample) -> String {
    let host = &sample.host;
    let mut parts = vec![format!("{:8.1} s", sample.seconds)];
    parts.extend(host.cpu.map(|cpu| format!("cores {:3.0} % busy", cpu.busy * 100.0)));
    parts.extend(host.memory.map(|memory| format!("{} of {} available", memory.available, memory.total)));
    parts.extend(host.process.map(|process| format!("process {} resident", process.resident)));
    parts.extend(host.headroom.map(|room| format!("{} may be taken ({})", room.limit.free(), room.bound)));
    let swapped = host.memory.map(|memory| memory.swap_total.get().saturating_sub(memory.swap_free.get()));
    parts.extend(swapped.filter(|&bytes| bytes > 0).map(|bytes| format!("{} swapped", Bytes::new(bytes))));
    parts.extend(host.hottest_celsius.map(|celsius| format!("{celsius:.0} °C")));
    parts.extend(sample.gpus.iter().map(card));
    parts.join(", ")
}

fn card(gpu: &GpuSample) -> String {
    let mut parts = vec![format!("gpu {} {}", gpu.index, gpu.name.as_deref().unwrap_or("(no answer)"))];
    parts.extend(gpu.busy.map(|busy| format!("{:.0} % busy", busy * 100.0)));
    let memory = gpu.memory_used.zip(gpu.memory_total);
    parts.extend(memory.map(|(used, total)| format!("{used} of {total}")));
    parts.extend(gpu.celsius.map(|celsius| format!("{celsius} °C")));
    parts.extend(gpu.watts.map(|watts| format!("{watts:.0} W")));
    parts.extend(gpu.clock_mhz.map(|clock| format!("{clock} MHz")));
    if !gpu.throttled_by.is_empty() {
        parts.push(format!("slowed by {}", gpu.throttled_by.join(" and ")));
    }
    parts.extend(gpu.faults.iter().map(|fault| format!("({fault})")));
    parts.join(" ")
}
