//! What `mbed run` does.

use mbed::memory::MemoryReport;
use mbed::settings::{ChunkPooling, Settings};
use mbed::{Cancel, Context, Opened, Silent};
use mbed_pipeline::bulk::{Begun, Identity, JobReport, Pause, ReadyJob, Totals, Watchers};
use serde_json::{Value, json};

use super::RunArguments;
use super::line::JobLine;
use crate::commands::memory_words::memory_words;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::printer::Stream;
use crate::progress::Bars;
use crate::status::Status;

/// Runs the job, or what is left of it.
pub(crate) fn run(arguments: &RunArguments, invocation: &Invocation) -> Result<Status, Failure> {
    let Invocation { printer, .. } = invocation;
    let settings = invocation.settings();
    if settings.chunking.pooling == ChunkPooling::Late {
        let hint = "`mbed embed --late` has it; set `chunking.pooling` to `early` for a job";
        return Err(Failure::new(
            "late chunking is not for jobs: they embed each chunk by itself",
            Some(hint),
        ));
    }
    let bars = Bars::new(printer);
    let context = invocation.context(&bars)?;
    mbed::check_backend(settings, &context)?;
    let mut job = arguments.job(settings)?;
    job.asked = asked(settings);
    let folder = job.folder.clone();
    let ready = match job.begin()? {
        Begun::Ready(ready) => ready,
        Begun::Finished(totals) => {
            printer.note(&format!("job `{}` is done already: {}", folder.display(), shown(&totals)));
            if arguments.json {
                printer.result(&json!({ "finished": true, "totals": totals }).to_string(), Stream::Stdout);
            }
            return Ok(Status::Success);
        }
    };
    if ready.done() > 0 {
        printer.note(&format!("going on behind {} records", ready.done()));
    }
    let (stop, pause) = (stop_on_interrupt()?, Pause::new());
    listen_for_pauses(&pause)?;
    let (report, memory) = compute(*ready, (invocation, &context), (&stop, &pause))?;
    tell((&report, memory.as_ref()), arguments, invocation);
    if !report.is_finished && stop.is_cancelled() {
        let done = format!("interrupted: {} are committed", shown(&report.totals));
        let mut failure = Failure::new(done, Some("run the same command again to go on"));
        failure.status = Status::Interrupted;
        return Err(failure);
    }
    Ok(Status::Success)
}

fn compute(
    ready: ReadyJob,
    (invocation, context): (&Invocation, &Context<'_>),
    (stop, pause): (&Cancel, &Pause),
) -> Result<(JobReport, Option<MemoryReport>), Failure> {
    let settings = invocation.settings();
    let chunker = mbed::chunker(settings, context)?;
    let mut opened = mbed::open(settings, context)?;
    for refusal in &opened.passed_over {
        invocation.printer.note(&format!("backend {} passed over: {}", refusal.backend, refusal.reason));
    }
    let became = became(&opened)?;
    let line = JobLine::new(&invocation.printer);
    let watchers = Watchers { progress: &Silent, watch: &line, stop, pause };
    let report = ready.run(opened.embedder.engine_mut(), became, chunker, watchers);
    line.end();
    if let Err(error) = opened.embedder.remember() {
        // The vectors are committed; that the next run learns nothing from this one is no reason to fail.
        tracing::warn!("what was learned is not kept: {error}");
    }
    Ok((report?, opened.embedder.memory_report()))
}

fn tell(
    (report, memory): (&JobReport, Option<&MemoryReport>),
    arguments: &RunArguments,
    invocation: &Invocation,
) {
    let seconds = report.elapsed.as_secs_f64();
    let rate = report.this_run.records as f64 / seconds.max(1e-9);
    if arguments.json {
        let summary = json!({
            "finished": report.is_finished, "totals": report.totals, "this_run": report.this_run,
            "repeated": report.repeated, "tokens": report.tokens, "seconds": seconds, "records_per_s": rate,
            "engine_seconds": report.busy.as_secs_f64(), "sessions": report.sessions,
            "idle_share": report.idle_share(),
            "peak_memory_bytes": mbed_monitor::peak_resident().map(mbed_core::Bytes::get),
            "memory": memory,
        });
        invocation.printer.result(&summary.to_string(), Stream::Stdout);
        return;
    }
    let end = if report.is_finished { "done" } else { "not done yet" };
    let memory: String =
        memory.map_or_else(Vec::new, memory_words).into_iter().map(|words| format!(", {words}")).collect();
    invocation.printer.note(&format!(
        "{end}: {}; this run: {}{}, {} tokens, {seconds:.1} s, {rate:.1} records/s, devices idle {:.1} %{memory}",
        shown(&report.totals),
        shown(&report.this_run),
        if report.repeated > 0 { format!(", {} repeated", report.repeated) } else { String::new() },
        report.tokens,
        100.0 * report.idle_share(),
    ));
}

fn shown(totals: &Totals) -> String {
    let Totals { records, rows, written, dead } = totals;
    let chunks = if rows == records { String::new() } else { format!(" as {rows} chunks") };
    format!("{records} records{chunks}, {written} written, {dead} dead")
}

/// The settings that vectors depend on.
fn asked(settings: &Settings) -> Identity {
    let mut asked = Identity::new();
    let tables = [("model", json!(settings.model)), ("chunking", json!(settings.chunking))];
    for (table, values) in tables {
        let Value::Object(values) = values else { continue };
        let counted = values.into_iter().filter(|(key, _)| key != "offline");
        asked.extend(counted.map(|(key, value)| (format!("{table}.{key}"), plain(&value))));
    }
    for (key, value) in
        [("backend", json!(settings.runtime.backend)), ("precision", json!(settings.runtime.precision))]
    {
        asked.insert(format!("runtime.{key}"), plain(&value));
    }
    asked
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What the settings became.
fn became(opened: &Opened) -> Result<Identity, Failure> {
    let folder = &opened.model.folder;
    let fingerprint = mbed_model::fingerprint(folder)
        .map_err(|error| Failure::new(format!("cannot read `{}`: {error}", folder.display()), None))?;
    let precision = opened.embedder.capabilities().map(|capabilities| capabilities.precision.to_string());
    let pairs = [
        ("model.fingerprint", fingerprint),
        ("backend", opened.backend.to_owned()),
        ("precision", precision.unwrap_or_default()),
    ];
    Ok(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A wish to end in good order, which Ctrl-C and a termination signal make.
fn stop_on_interrupt() -> Result<Cancel, Failure> {
    let stop = Cancel::new();
    let wish = stop.clone();
    ctrlc::set_handler(move || wish.cancel())
        .map_err(|error| Failure::new(format!("cannot listen for Ctrl-C: {error}"), None))?;
    Ok(stop)
}

/// Lets SIGUSR1 make the run wait and SIGUSR2 let it go on. Where there are no such signals nothing does.
#[cfg(unix)]
fn listen_for_pauses(pause: &Pause) -> Result<(), Failure> {
    use signal_hook::consts::{SIGUSR1, SIGUSR2};
    use signal_hook::iterator::Signals;

    let failed = |error| Failure::new(format!("cannot listen for signals: {error}"), None);
    let mut signals = Signals::new([SIGUSR1, SIGUSR2]).map_err(failed)?;
    let pause = pause.clone();
    let listen = move || {
        for signal in signals.forever() {
            if signal == SIGUSR1 {
                pause.pause();
            } else {
                pause.go_on();
            }
        }
    };
    // It ends with the process.
    std::thread::Builder::new().name("mbed-signals".to_owned()).spawn(listen).map(drop).map_err(failed)
}

#[cfg(not(unix))]
fn listen_for_pauses(_pause: &Pause) -> Result<(), Failure> {
    Ok(())
}
