//! `mbed model`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mbed::{Precision, PrecisionChoice};
use mbed_model::{Refresh, Verdict};
use serde_json::{Value, json};

use super::model_info;
use super::model_options::SourceOptions;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::progress::Bars;
use crate::settings_options::Flags;
use crate::status::Status;

/// Fetch, list, describe and check models
#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do with models.
#[derive(Debug, Subcommand)]
enum Action {
    /// Fetch a model, unless it is on this machine already, and print its folder
    Pull {
        #[command(flatten)]
        target: Target,
        /// Fetch it again
        #[arg(long)]
        force: bool,
    },
    /// List the models on this machine
    List {
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Describe a model: family, sizes, limits, pooling, prompts, memory, and what can run it
    Info {
        #[command(flatten)]
        target: Target,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Write a model as a folder that other runtimes read: the graph in `onnx/`, the tokenizer and all settings
    Export {
        #[command(flatten)]
        target: Target,
        /// The form of the graph
        #[arg(long, value_name = "FORMAT", value_parser = ["onnx"], default_value = "onnx")]
        format: String,
        /// The folder; one that has the graph in another precision keeps it
        #[arg(long, short, value_name = "DIR")]
        output: PathBuf,
        /// Number format of the products: f32, f16, or int8 for whole numbers, whose scale is found for each token
        #[arg(long, value_name = "PRECISION", value_parser = ["f32", "f16", "int8"], default_value = "f32")]
        precision: String,
    },
    /// Read every file of a model and compare its digest with the one it should have
    Verify {
        #[command(flatten)]
        target: Target,
    },
}

/// A model.
#[derive(Debug, Args)]
struct Target {
    /// A folder, a name on the hub, or a short name such as `minilm`; the model of the settings without this
    model: Option<String>,
    #[command(flatten)]
    source: SourceOptions,
}

impl ModelArguments {
    pub(crate) fn flags(&self) -> Flags {
        match &self.action {
            Action::Pull { target, .. }
            | Action::Info { target, .. }
            | Action::Export { target, .. }
            | Action::Verify { target } => {
                target.source.flags().with("MODEL", "model.id", target.model.as_ref())
            }
            Action::List { .. } => Flags::default(),
        }
    }
}

pub(crate) fn run(arguments: &ModelArguments, invocation: &Invocation) -> Result<Status, Failure> {
    match &arguments.action {
        Action::Pull { force, .. } => {
            let refresh = if *force { Refresh::Always } else { Refresh::IfMissing };
            pull(refresh, invocation)
        }
        Action::List { json } => list(*json, invocation),
        Action::Info { json, .. } => model_info::print(*json, invocation),
        Action::Export { output, precision, .. } => export(output, precision, invocation),
        Action::Verify { .. } => verify(invocation),
    }
}

fn pull(refresh: Refresh, invocation: &Invocation) -> Result<Status, Failure> {
    let printer = &invocation.printer;
    let bars = Bars::new(printer);
    let context = invocation.context(&bars)?;
    let revision = context.revision.as_deref();
    let found =
        mbed_model::pull(&invocation.settings().model.id, revision, refresh, &context.locations, &bars)?;
    printer.note(&format!("{} ({})", found.id, found.origin));
    printer.data(&found.folder.display().to_string());
    Ok(Status::Success)
}

fn export(folder: &Path, precision: &str, invocation: &Invocation) -> Result<Status, Failure> {
    let printer = &invocation.printer;
    let bars = Bars::new(printer);
    // Only names that are known come so far, and `auto` is none of them.
    let precision = match precision.parse::<PrecisionChoice>()? {
        PrecisionChoice::Exactly(precision) => precision,
        PrecisionChoice::Auto => Precision::F32,
    };
    let context = invocation.context(&bars)?;
    let exported = mbed::export_onnx(invocation.settings(), precision, folder, &context)?;
    printer.note(&format!("{} in {precision}", exported.model));
    for file in &exported.files {
        printer.data(&file.display().to_string());
    }
    Ok(Status::Success)
}

fn list(as_json: bool, invocation: &Invocation) -> Result<Status, Failure> {
    let printer = &invocation.printer;
    let models = mbed_model::list(&mbed::Context::new(&invocation.environment)?.locations)?;
    if as_json {
        let rows: Vec<Value> = models
            .iter()
            .map(|model| {
                json!({
                    "id": model.id, "revision": model.revision, "bytes": model.bytes,
                    "origin": model.origin.to_string(), "folder": model.folder,
                })
            })
            .collect();
        printer.data(&Value::from(rows).to_string());
        return Ok(Status::Success);
    }
    for model in &models {
        printer.data(&format!("{:48} {:>12}  {}", model.id, model.bytes.to_string(), model.origin));
    }
    if models.is_empty() {
        printer.note("no models yet; `mbed model pull` fetches the default one");
    }
    Ok(Status::Success)
}

fn verify(invocation: &Invocation) -> Result<Status, Failure> {
    let printer = &invocation.printer;
    let bars = Bars::new(printer);
    let context = invocation.context(&bars)?;
    let checks =
        mbed_model::verify(&invocation.settings().model.id, context.revision.as_deref(), &context.locations)?;
    let mut bad = 0;
    for check in &checks {
        let verdict = match check.verdict {
            Verdict::Matches => "ok".to_owned(),
            Verdict::Unpinned => "no digest known".to_owned(),
            Verdict::Missing => "MISSING".to_owned(),
            Verdict::Differs { expected, got } => format!("DIFFERS: SHA-256 is {got}, should be {expected}"),
        };
        bad += usize::from(matches!(check.verdict, Verdict::Missing | Verdict::Differs { .. }));
        printer.data(&format!("{:40} {verdict}", check.file));
    }
    if bad > 0 {
        let message = format!("{bad} of {} files are not as they should be", checks.len());
        return Err(Failure::new(message, Some("`mbed model pull --force` fetches the model again")));
    }
    Ok(Status::Success)
}
