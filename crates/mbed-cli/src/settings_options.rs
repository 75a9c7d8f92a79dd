//! Options that every command takes, and how options become the strongest layer of settings.

use std::fmt::Display;
use std::path::PathBuf;

use clap::Args;
use mbed::settings::LogLevels;
use mbed_config::Flag;

/// Where settings come from, and what is logged.
#[derive(Debug, Args)]
pub(crate) struct SettingsOptions {
    /// A file of settings, stronger than those that are found; may be given several times
    #[arg(long = "config", value_name = "FILE", global = true, help_heading = "Settings")]
    pub(crate) files: Vec<PathBuf>,
    /// A set of values for one purpose: throughput, latency, low-memory or reference
    #[arg(long, value_name = "NAME", global = true, help_heading = "Settings")]
    preset: Option<String>,
    /// What is logged on standard error: off, error, warn (without this), info, debug or trace, and levels of single
    /// targets after commas
    #[arg(long, value_name = "LEVELS", global = true, help_heading = "Settings")]
    log_level: Option<LogLevels>,
    /// How it is logged: as lines for people (without this), or as a JSON object a line; with --quiet nothing else
    /// is on standard error but what failed
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], global = true, help_heading = "Settings")]
    log_format: Option<String>,
}

impl SettingsOptions {
    pub(crate) fn flags(&self) -> Flags {
        Flags::default()
            .with("--preset", "preset", self.preset.as_ref())
            .with("--log-level", "logging.level", self.log_level.as_ref())
            .with("--log-format", "logging.format", self.log_format.as_ref())
    }
}

/// Settings that were typed.
#[derive(Debug, Default)]
pub(crate) struct Flags(pub(crate) Vec<Flag>);

impl Flags {
    /// Adds what was typed as `name` for the setting `key`, where it was typed.
    pub(crate) fn with(mut self, name: &'static str, key: &'static str, value: Option<impl Display>) -> Self {
        self.0.extend(value.map(|value| Flag { name, key, value: value.to_string() }));
        self
    }

    /// Those of `stronger`, and of its own those that set something else.
    pub(crate) fn under(mut self, stronger: Self) -> Self {
        self.0.retain(|own| stronger.0.iter().all(|flag| flag.key != own.key));
        self.and(stronger)
    }

    /// Adds those of `others`.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }
}
