//! What can be typed.

use clap::{Parser, Subcommand};

use crate::commands::{
    bench, chunk, completions, config, devices, embed, job, model, monitor, onnx, plan, profile, run,
    similarity, tune,
};
use crate::failure::Failure;
use crate::settings_options::{Flags, SettingsOptions};

/// Turns texts into embedding vectors on whatever hardware is there.
#[derive(Debug, Parser)]
#[command(name = "mbed", version, max_term_width = 110, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Hide progress and everything that is said beside results and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
}

const EXAMPLES: &str = "Examples:
  mbed embed README.md docs -o vectors.parquet
  cat queries.txt | mbed embed - -o queries.npy
  mbed embed articles.jsonl --text-column body -o articles.parquet
  mbed similarity \"a fishing boat\" \"a trawler at sea\" \"an invoice\"";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Embed(Box<embed::EmbedArguments>),
    Chunk(Box<chunk::ChunkArguments>),
    Run(Box<run::RunArguments>),
    Status(job::StatusArguments),
    Verify(job::VerifyArguments),
    Merge(job::MergeArguments),
    Similarity(Box<similarity::SimilarityArguments>),
    Devices(devices::DevicesArguments),
    Model(model::ModelArguments),
    Plan(Box<plan::PlanArguments>),
    Tune(Box<tune::TuneArguments>),
    Monitor(monitor::MonitorArguments),
    Profile(profile::ProfileArguments),
    Onnx(onnx::OnnxArguments),
    Bench(bench::BenchArguments),
    /// Measure for `mbed bench`, which starts this
    #[command(hide = true, name = bench::WORKER)]
    BenchWorker,
    Config(config::ConfigArguments),
    Completions(completions::CompletionsArguments),
}

impl Command {
    /// Reads what its options name and settings may come from.
    pub(crate) fn prepared(self) -> Result<Self, Failure> {
        Ok(match self {
            Self::Run(arguments) => Self::Run(Box::new(arguments.prepared()?)),
            other => other,
        })
    }

    /// The settings among its options.
    pub(crate) fn flags(&self) -> Flags {
        match self {
            Self::Embed(arguments) => arguments.flags(),
            Self::Chunk(arguments) => arguments.flags(),
            Self::Similarity(arguments) => arguments.flags(),
            Self::Model(arguments) => arguments.flags(),
            Self::Run(arguments) => arguments.flags(),
            Self::Status(_) | Self::Verify(_) | Self::Merge(_) => Flags::default(),
            Self::Plan(arguments) => arguments.flags(),
            Self::Tune(arguments) => arguments.flags(),
            Self::Monitor(_) | Self::Profile(_) => Flags::default(),
            Self::Onnx(arguments) => arguments.flags(),
            Self::Bench(arguments) => arguments.flags(),
            Self::BenchWorker => Flags::default(),
            Self::Devices(_) | Self::Config(_) | Self::Completions(_) => Flags::default(),
        }
    }
}
