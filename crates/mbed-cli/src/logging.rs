//! Where events and spans of all crates go: standard error, beside a progress bar.

use mbed::settings::{LogFormat, LogLevel, LoggingSettings};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::fmt::{self, time};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry;

use crate::printer::Printer;

/// Begins to log as `settings` say. Called once; a second call changes nothing.
pub(crate) fn start(settings: &LoggingSettings, printer: &Printer) {
    let level = |level: LogLevel| match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let targets = settings.level.targets.iter().map(|(target, named)| (target.clone(), level(*named)));
    let filter = Targets::new().with_default(level(settings.level.others)).with_targets(targets);
    // The end of a span tells how long it took.
    let lines = fmt::layer().with_writer(printer.log_writer()).with_span_events(FmtSpan::CLOSE);
    let layer = match settings.format {
        LogFormat::Text => lines.with_ansi(false).with_timer(time::uptime()).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().with_filter(filter).boxed(),
    };
    let _second_call = tracing::subscriber::set_global_default(registry().with(layer));
}
