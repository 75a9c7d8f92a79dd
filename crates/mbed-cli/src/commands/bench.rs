//! `mbed bench`

use std::io::{stdin, stdout};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use mbed_bench::worker::{Launcher, serve};
use mbed_bench::{Bench, BenchError, picture, report, rows, run_suite, short_suite};

use super::model_options::SourceOptions;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::progress::Bars;
use crate::settings_options::Flags;
use crate::status::Status;

/// How often what is done now is drawn again.
const TICK: Duration = Duration::from_millis(200);

/// The hidden command that makes this program measure for another.
pub(crate) const WORKER: &str = "bench-worker";

/// Measure what this machine does with a model, in a minute or two: every backend and precision of this build, batch sizes,
/// workers, accuracy, and a while without a break. Shows a picture, and writes a page and raw rows
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// The model: a folder, a name on the hub, or a short name such as `minilm`; all-MiniLM-L6-v2 without this
    #[arg(long, short, value_name = "MODEL", help_heading = "Model")]
    model: Option<String>,
    #[command(flatten)]
    source: SourceOptions,
    /// The folder for `index.html`, `report.md` and `rows.jsonl`
    #[arg(long, short, value_name = "DIR", default_value = "mbed-bench-report")]
    output: PathBuf,
}

impl BenchArguments {
    pub(crate) fn flags(&self) -> Flags {
        self.source.flags().with("--model", "model.id", self.model.as_ref())
    }
}

pub(crate) fn run(arguments: &BenchArguments, invocation: &Invocation) -> Result<Status, Failure> {
    let printer = &invocation.printer;
    let settings = invocation.settings();
    let bars = Bars::new(printer);
    let context = invocation.context(&bars)?;
    // Fetched here, where a bar shows it, and not by the processes that measure.
    let model = &settings.model;
    mbed_model::resolve(&model.id, context.revision.as_deref(), &context.locations, &bars)?;
    let bench = Bench::new(Launcher::this_program(&[WORKER])?, settings.clone())?;
    let spinner = printer.draws_progress().then(|| printer.show_bar(ProgressBar::new_spinner()));
    if let Some(bar) = &spinner {
        bar.enable_steady_tick(TICK);
    }
    let mut tell = |line: &str| {
        if let Some(bar) = &spinner {
            bar.set_message(line.to_owned());
        }
    };
    let measured = run_suite(&bench, &short_suite(&model.id)?, &mut tell);
    if let Some(bar) = &spinner {
        bar.finish_and_clear();
    }
    let measured = measured?;
    let raw = arguments.output.join("rows.jsonl");
    rows::write(&raw, &measured)?;
    report::write(&arguments.output, &measured)?;
    printer.data(picture(&measured).trim_end());
    printer.note(&format!("page: {}", arguments.output.join("index.html").display()));
    Ok(Status::Success)
}

/// Measures for the process that started this one.
pub(crate) fn serve_parent() -> Result<Status, Failure> {
    let served: Result<(), BenchError> = serve(stdin().lock(), stdout().lock());
    served?;
    Ok(Status::Success)
}
