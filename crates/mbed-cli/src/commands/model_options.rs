//! Options that say which model runs where, shared by the commands that open one.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use mbed::settings::{ModelSettings, Normalize, Overflow, PromptChoice, RuntimeSettings};
use mbed::{Context, PrecisionChoice, Progress};
use mbed_model::Network;

use crate::failure::Failure;

/// Where models may come from.
#[derive(Debug, Args)]
pub(crate) struct SourceOptions {
    /// Branch, tag or commit of a model on the hub
    #[arg(long, value_name = "REVISION", help_heading = "Model")]
    pub(crate) revision: Option<String>,
    /// Use only what is on this machine: open no connection
    #[arg(long, help_heading = "Model")]
    offline: bool,
}

impl SourceOptions {
    pub(crate) fn context<'a>(&self, progress: &'a dyn Progress) -> Result<Context<'a>, Failure> {
        let Context { mut locations, .. } = Context::from_environment()?;
        if self.offline {
            locations.network = Network::Offline { because: "--offline".to_owned() };
        }
        Ok(Context { locations, revision: self.revision.clone(), progress })
    }
}

/// Which model runs where, and how its vectors are made.
#[derive(Debug, Args)]
pub(crate) struct ModelOptions {
    /// The model: a folder, a name on the hub, or a short name such as `minilm`
    #[arg(long, short, value_name = "MODEL", default_value_t = ModelSettings::default().id, help_heading = "Model")]
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) source: SourceOptions,
    /// Put the model's prompt of this name before each text (`mbed model info` lists them)
    #[arg(long, value_name = "NAME", conflicts_with = "prompt", help_heading = "Model")]
    prompt_name: Option<String>,
    /// Put this text before each text
    #[arg(long, value_name = "TEXT", help_heading = "Model")]
    prompt: Option<String>,
    /// Keep only the first N dimensions, scaled to length 1 again where the model normalises
    #[arg(long, value_name = "N", help_heading = "Model")]
    dimensions: Option<NonZeroUsize>,
    /// Scale vectors to length 1: as the model does, always, or never
    #[arg(long, value_enum, default_value = "auto", help_heading = "Model")]
    normalize: NormalizeChoice,
    /// Cut texts at N tokens, special tokens included, instead of the model's own limit
    #[arg(long, value_name = "N", help_heading = "Model")]
    max_length: Option<NonZeroUsize>,
    /// What happens to a text that is longer: its first tokens are embedded and it is counted, or the run ends
    #[arg(long, value_enum, default_value = "truncate", help_heading = "Model")]
    overflow: OverflowChoice,
    /// What computes: auto, or a backend that `mbed devices` lists
    #[arg(long, value_name = "BACKEND", default_value = "auto", help_heading = "Runtime")]
    backend: String,
    /// Number format of the products: auto, f32 (others where a backend has them)
    #[arg(long, value_name = "PRECISION", default_value_t = PrecisionChoice::Auto, help_heading = "Runtime")]
    precision: PrecisionChoice,
    /// Threads for computing and tokenising; by default one a core
    #[arg(long, short, value_name = "N", help_heading = "Runtime")]
    threads: Option<NonZeroUsize>,
}

/// `--normalize`
#[derive(Clone, Copy, Debug, ValueEnum)]
enum NormalizeChoice {
    Auto,
    Yes,
    No,
}

/// `--overflow`
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OverflowChoice {
    Truncate,
    Error,
}

impl ModelOptions {
    pub(crate) fn model_settings(&self) -> ModelSettings {
        let prompt = match (&self.prompt_name, &self.prompt) {
            (Some(name), _) => PromptChoice::Named(name.clone()),
            (None, Some(text)) => PromptChoice::Text(text.clone()),
            (None, None) => PromptChoice::ModelDefault,
        };
        ModelSettings {
            id: self.model.clone(),
            prompt,
            dimensions: self.dimensions,
            normalize: match self.normalize {
                NormalizeChoice::Auto => Normalize::Auto,
                NormalizeChoice::Yes => Normalize::Yes,
                NormalizeChoice::No => Normalize::No,
            },
            max_length: self.max_length,
            overflow: match self.overflow {
                OverflowChoice::Truncate => Overflow::Truncate,
                OverflowChoice::Error => Overflow::Error,
            },
        }
    }

    pub(crate) fn runtime_settings(&self) -> RuntimeSettings {
        RuntimeSettings {
            backend: self.backend.as_str().into(),
            precision: self.precision,
            threads: self.threads,
        }
    }
}
