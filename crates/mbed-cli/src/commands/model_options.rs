//! Options that say which model runs where, shared by the commands that open one.

use std::num::NonZeroUsize;

use clap::Args;
use mbed::settings::PrecisionSetting;

use crate::settings_options::Flags;

/// Where models may come from.
#[derive(Debug, Args)]
pub(crate) struct SourceOptions {
    /// Branch, tag or commit of a model on the hub
    #[arg(long, value_name = "REVISION", help_heading = "Model")]
    revision: Option<String>,
    /// Use only what is on this machine: open no connection
    #[arg(long, help_heading = "Model")]
    offline: bool,
}

impl SourceOptions {
    pub(crate) fn flags(&self) -> Flags {
        Flags::default().with("--revision", "model.revision", self.revision.as_ref()).with(
            "--offline",
            "model.offline",
            self.offline.then_some(true),
        )
    }
}

/// Which model runs where, and how its vectors are made.
#[derive(Debug, Args)]
pub(crate) struct ModelOptions {
    /// The model: a folder, a name on the hub, or a short name such as `minilm`; all-MiniLM-L6-v2 without this
    #[arg(long, short, value_name = "MODEL", help_heading = "Model")]
    model: Option<String>,
    #[command(flatten)]
    source: SourceOptions,
    /// Put the model's prompt of this name before each text (`mbed model info` lists them)
    #[arg(long, value_name = "NAME", conflicts_with = "prompt", help_heading = "Model")]
    prompt_name: Option<String>,
    /// Put this text before each text
    #[arg(long, value_name = "TEXT", help_heading = "Model")]
    prompt: Option<String>,
    /// Keep only the first N dimensions, scaled to length 1 again where the model normalises
    #[arg(long, value_name = "N", help_heading = "Model")]
    dimensions: Option<NonZeroUsize>,
    /// Scale vectors to length 1: as the model does (without this), always, or never
    #[arg(long, value_name = "WHEN", value_parser = ["auto", "yes", "no"], help_heading = "Model")]
    normalize: Option<String>,
    /// Cut texts at N tokens, special tokens included, instead of the model's own limit
    #[arg(long, value_name = "N", help_heading = "Model")]
    max_length: Option<NonZeroUsize>,
    /// What happens to a text that is longer: its first tokens are embedded and it is counted (without this), or the
    /// run ends
    #[arg(long, value_name = "WHAT", value_parser = ["truncate", "error"], help_heading = "Model")]
    overflow: Option<String>,
    /// What computes: auto (without this), or a backend that `mbed devices` lists
    #[arg(long, value_name = "BACKEND", help_heading = "Runtime")]
    backend: Option<String>,
    /// Number format of the products: auto (without this), f32, mixed for the fastest 16-bit one, or others where a
    /// backend has them
    #[arg(long, value_name = "PRECISION", help_heading = "Runtime")]
    precision: Option<PrecisionSetting>,
    /// Threads for computing and tokenising; one a core without this
    #[arg(long, short, value_name = "N", help_heading = "Runtime")]
    threads: Option<NonZeroUsize>,
}

impl ModelOptions {
    pub(crate) fn flags(&self) -> Flags {
        self.source
            .flags()
            .with("--model", "model.id", self.model.as_ref())
            .with("--prompt-name", "model.prompt_name", self.prompt_name.as_ref())
            .with("--prompt", "model.prompt", self.prompt.as_ref())
            .with("--dimensions", "model.dimensions", self.dimensions)
            .with("--normalize", "model.normalize", self.normalize.as_ref())
            .with("--max-length", "model.max_length", self.max_length)
            .with("--overflow", "model.overflow", self.overflow.as_ref())
            .with("--backend", "runtime.backend", self.backend.as_ref())
            .with("--precision", "runtime.precision", self.precision)
            .with("--threads", "runtime.threads", self.threads)
    }
}
