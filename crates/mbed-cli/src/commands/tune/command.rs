//! What `mbed tune` takes and does.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mbed::memory::CurvePoint;
use mbed::settings::{Adapt, Settings};
use serde_json::json;

use super::plan::Plan;
use super::report;
use super::sweep::{Measured, sweep};
use super::texts::read_texts;
use crate::commands::input_options::InputOptions;
use crate::commands::model_options::ModelOptions;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::progress::Bars;
use crate::settings_options::Flags;
use crate::status::Status;

/// Find the fastest settings for a model on this machine
///
/// Tries sizes of batches, rows, workers and threads on your own texts: many settings on few texts, then the better half
/// on more of them, until one is left. Prints a table, a chart and a fragment for `mbed.toml`, and leaves a profile with
/// which later runs begin.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TuneArguments {
    /// Files or folders with texts like yours; made-up texts of all lengths without this
    #[arg(long, value_name = "FILE")]
    texts: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    input: InputOptions,
    /// About how long it may take, loading not counted
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Write the fragment here instead of printing it
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  mbed tune --texts articles.jsonl --text-column body
  mbed tune --model BAAI/bge-small-en-v1.5 --seconds 20 -o mbed.toml";

impl TuneArguments {
    pub(crate) fn flags(&self) -> Flags {
        self.model.flags().and(self.input.flags())
    }
}

pub(crate) fn run(arguments: &TuneArguments, invocation: &Invocation) -> Result<Status, Failure> {
    let printer = &invocation.printer;
    let settings = invocation.settings();
    let bars = Bars::new(printer);
    let context = invocation.context(&bars)?;
    let texts = read_texts(&arguments.texts, &arguments.input, settings)?;
    let mut say = |line: &str| printer.note(line);
    let plan = Plan::new(settings, mbed_monitor::cores());
    let results = sweep(&plan, &texts, Duration::from_secs(arguments.seconds), (&context, &mut say))?;
    let Some(best) = results.first() else {
        return Err(Failure::new("no settings could be measured", None));
    };
    let profile = keep(&plan.settings_of(best.trial), &results, &texts, &context)?;
    let fragment = report::fragment(best);
    if let Some(path) = &arguments.output {
        fs::write(path, &fragment)
            .map_err(|error| Failure::new(format!("cannot write `{}`: {error}", path.display()), None))?;
    }
    if arguments.json {
        let found = json!({ "best": best, "trials": results, "texts": texts.len(), "profile": profile, "fragment": fragment });
        printer.data(&found.to_string());
        return Ok(Status::Success);
    }
    printer.data(&report::table(&results));
    printer.data(&report::chart(&results));
    match &arguments.output {
        Some(path) => printer.note(&format!("the settings are in {}", path.display())),
        None => printer.data(&fragment),
    }
    if let Some(path) = profile {
        printer.note(&format!("a profile for later runs is in {}", path.display()));
    }
    Ok(Status::Success)
}

/// Lets batches size themselves once, so that what they need is measured too, and keeps both for later runs.
fn keep(
    best: &Settings,
    results: &[Measured],
    texts: &[String],
    context: &mbed::Context<'_>,
) -> Result<Option<PathBuf>, Failure> {
    let mut settings = best.clone();
    settings.memory.adapt = Adapt::Auto;
    let mut opened = mbed::open(&settings, context)?;
    opened.embedder.embed(texts)?;
    let curve =
        report::curve(results).into_iter().map(|(tokens, rate, texts)| CurvePoint::new(tokens, rate, texts));
    Ok(opened.embedder.keep(best.batching.max_tokens.get(), curve.collect())?)
}
