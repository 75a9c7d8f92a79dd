//! `mbed model`

use std::path::Path;

use clap::{Args, Subcommand};
use mbed_core::spec::{HeadSpec, HeadStage};
use mbed_core::{Bytes, ModelSource, Precision};
use mbed_model::{Model, Refresh, Verdict};
use serde_json::{Value, json};

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
    /// Describe a model: architecture, sizes, limits, pooling, prompts
    Info {
        #[command(flatten)]
        target: Target,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
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
            Action::Pull { target, .. } | Action::Info { target, .. } | Action::Verify { target } => {
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
        Action::Info { json, .. } => info(*json, invocation),
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

fn info(as_json: bool, invocation: &Invocation) -> Result<Status, Failure> {
    let printer = &invocation.printer;
    let bars = Bars::new(printer);
    let context = invocation.context(&bars)?;
    let found = mbed_model::resolve(
        &invocation.settings().model.id,
        context.revision.as_deref(),
        &context.locations,
        context.progress,
    )?;
    let model = mbed_model::load_folder(&found.folder)?;
    let facts = facts(&found.id, &found.origin.to_string(), &found.folder, &model);
    if as_json {
        printer.data(&Value::Object(facts.into_iter().collect()).to_string());
        return Ok(Status::Success);
    }
    for (name, value) in facts {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        printer.data(&format!("{name:18} {shown}"));
    }
    Ok(Status::Success)
}

fn facts(id: &str, origin: &str, folder: &Path, model: &Model) -> Vec<(String, Value)> {
    let head = model.head();
    let dimensions = head.map_or(0, |head| head.dimensions(model.hidden()));
    let parameters = model.parameters();
    let f32_weights = Bytes::from(parameters.saturating_mul(size_of::<f32>()));
    let runs_on = match &model.source {
        ModelSource::Spec { .. } => "every backend",
        _ => "candle, where it knows the architecture",
    };
    let prompts: serde_json::Map<String, Value> =
        model.text.prompts.named.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
    let mut facts = vec![
        ("model", json!(id)),
        ("origin", json!(origin)),
        ("folder", json!(folder)),
        ("architecture", json!(model.architecture())),
        ("runs_on", json!(runs_on)),
        ("parameters", json!(parameters)),
        (Precision::F32.name(), json!(format!("{f32_weights} of weights"))),
        ("dimensions", json!(dimensions)),
        ("max_tokens", json!(model.text.max_tokens)),
        ("positions", json!(model.text.positions)),
        ("head", json!(head.map_or_else(String::new, describe_head))),
        ("prompts", Value::Object(prompts)),
        ("default_prompt", json!(model.text.prompts.default)),
    ];
    if let ModelSource::Spec { spec, .. } = &model.source {
        facts.push(("layers", json!(spec.layers.len())));
        facts.push(("hidden", json!(spec.hidden)));
        facts.push(("heads", json!(spec.attention.heads)));
    }
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn describe_head(head: &HeadSpec) -> String {
    let poolings: Vec<&str> = head.pooling.iter().map(|pooling| pooling.name()).collect();
    let mut parts = vec![format!("pooling {}", poolings.join(" + "))];
    for stage in &head.stages {
        parts.push(match stage {
            HeadStage::Dense { input, output, activation, .. } => {
                format!("dense {input} to {output}, {activation:?}")
            }
            HeadStage::Normalize => "normalise".to_owned(),
            other => format!("{other:?}"),
        });
    }
    parts.join(", then ")
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
