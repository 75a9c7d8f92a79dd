//! What `mbed embed` takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use mbed::settings::Settings;
use mbed_pipeline::{OutputFormat, ReadOptions};

use crate::commands::choice::{Choice, output_choices};
use crate::commands::chunk_options::EmbedChunkOptions;
use crate::commands::input_options::InputOptions;
use crate::commands::model_options::ModelOptions;
use crate::settings_options::Flags;

/// Turn texts into vectors
///
/// Reads text files (one text a line), Markdown files (one text a file), JSON Lines, CSV, Parquet, Arrow IPC, folders
/// of such, and standard input; writes Parquet, Arrow, JSON Lines or NumPy. Row i of the output belongs to row i
/// of the input, and every input column is kept. Without -o, JSON Lines go to standard output.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EmbedArguments {
    /// Files, folders, or - for standard input
    #[arg(value_name = "INPUT", default_value = "-")]
    pub(super) inputs: Vec<PathBuf>,
    /// The file to write, which appears only when it is whole; - for standard output
    #[arg(long, short, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    model: ModelOptions,
    /// Format of the output; by default the extension of OUT says it
    #[arg(long, default_value = "auto", value_parser = output_choices(), help_heading = "Files")]
    pub(super) format: Choice<OutputFormat>,
    #[command(flatten)]
    pub(super) input: InputOptions,
    #[command(flatten)]
    chunks: EmbedChunkOptions,
    /// Read each chunk within its whole document and pool its own tokens (late chunking), for models with long context;
    /// a document that is longer than the model is read in windows that overlap by a quarter
    #[arg(long, help_heading = "Chunks")]
    late: bool,
    /// The column that the vectors are written to
    #[arg(long, value_name = "COLUMN", default_value = "embedding", help_heading = "Files")]
    pub(super) vector_column: String,
    /// The most rows of one batch
    #[arg(long, value_name = "N", help_heading = "Runtime")]
    batch_size: Option<NonZeroUsize>,
    /// The most tokens of one batch
    #[arg(long, value_name = "N", help_heading = "Runtime")]
    batch_tokens: Option<NonZeroUsize>,
    /// Say what each stage took: tokenising, the parts of the forward pass, writing
    #[arg(long, help_heading = "Runtime")]
    pub(super) profile: bool,
    /// Print the summary as one JSON object: on standard output where -o names a file, else on standard error
    #[arg(long)]
    pub(super) json: bool,
}

const EXAMPLES: &str = "Examples:
  mbed embed README.md docs -o vectors.parquet
  mbed embed articles.jsonl --text-column body -o articles.parquet
  cat queries.txt | mbed embed - --prompt-name query -o queries.npy
  mbed embed handbook --chunk markdown --chunk-size 256t -o handbook.parquet
  mbed embed handbook --chunk recursive --chunk-size 128t --late -o handbook.parquet
  mbed embed notes.txt | head -n 1";

impl EmbedArguments {
    pub(crate) fn flags(&self) -> Flags {
        self.model
            .flags()
            .with("--batch-size", "batching.batch_size", self.batch_size)
            .with("--batch-tokens", "batching.max_tokens", self.batch_tokens)
            .and(self.input.flags())
            .and(self.chunks.flags())
            .with("--late", "chunking.pooling", self.late.then_some("late"))
    }

    pub(super) fn read_options(&self, settings: &Settings) -> ReadOptions {
        self.input.read_options(settings)
    }
}
