//! What `mbed embed` takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mbed::settings::{InvalidText, Settings};
use mbed_pipeline::{InputFormat, InvalidUtf8, OutputFormat, ReadOptions};

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
    #[arg(long, value_enum, default_value = "auto", help_heading = "Files")]
    pub(super) format: OutputChoice,
    /// Format of the input; by default the extension says it, and standard input is text
    #[arg(long, value_enum, default_value = "auto", help_heading = "Files")]
    pub(super) input_format: InputChoice,
    /// The column with the texts; by default `text`, or the only column of strings
    #[arg(long, value_name = "COLUMN", help_heading = "Files")]
    text_column: Option<String>,
    /// A column that names rows in messages
    #[arg(long, value_name = "COLUMN", help_heading = "Files")]
    id_column: Option<String>,
    /// The column that the vectors are written to
    #[arg(long, value_name = "COLUMN", default_value = "embedding", help_heading = "Files")]
    pub(super) vector_column: String,
    /// What happens to bytes that are not UTF-8: the run ends (without this), U+FFFD takes their place, or the row is
    /// left out and counted
    #[arg(long, value_name = "WHAT", value_parser = ["error", "replace", "skip"], help_heading = "Files")]
    invalid_utf8: Option<String>,
    /// The most rows of one batch
    #[arg(long, value_name = "N", help_heading = "Runtime")]
    batch_size: Option<NonZeroUsize>,
    /// The most tokens of one batch
    #[arg(long, value_name = "N", help_heading = "Runtime")]
    batch_tokens: Option<NonZeroUsize>,
    /// Print the summary as one JSON object: on standard output where -o names a file, else on standard error
    #[arg(long)]
    pub(super) json: bool,
}

const EXAMPLES: &str = "Examples:
  mbed embed README.md docs -o vectors.parquet
  mbed embed articles.jsonl --text-column body -o articles.parquet
  cat queries.txt | mbed embed - --prompt-name query -o queries.npy
  mbed embed notes.txt | head -n 1";

/// `--format`
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum OutputChoice {
    Auto,
    Parquet,
    Jsonl,
    Npy,
    Arrow,
}

impl OutputChoice {
    /// The format that was named, if one was.
    pub(super) const fn named(self) -> Option<OutputFormat> {
        match self {
            Self::Auto => None,
            Self::Parquet => Some(OutputFormat::Parquet),
            Self::Jsonl => Some(OutputFormat::Jsonl),
            Self::Npy => Some(OutputFormat::Npy),
            Self::Arrow => Some(OutputFormat::Arrow),
        }
    }
}

/// `--input-format`
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum InputChoice {
    Auto,
    Text,
    Markdown,
    Jsonl,
    Csv,
    Parquet,
    Arrow,
}

impl InputChoice {
    /// The format that was named, if one was.
    pub(super) const fn named(self) -> Option<InputFormat> {
        match self {
            Self::Auto => None,
            Self::Text => Some(InputFormat::Text),
            Self::Markdown => Some(InputFormat::Markdown),
            Self::Jsonl => Some(InputFormat::Jsonl),
            Self::Csv => Some(InputFormat::Csv),
            Self::Parquet => Some(InputFormat::Parquet),
            Self::Arrow => Some(InputFormat::Arrow),
        }
    }
}

impl EmbedArguments {
    pub(crate) fn flags(&self) -> Flags {
        self.model
            .flags()
            .with("--batch-size", "batching.batch_size", self.batch_size)
            .with("--batch-tokens", "batching.max_tokens", self.batch_tokens)
            .with("--invalid-utf8", "pipeline.invalid_utf8", self.invalid_utf8.as_ref())
    }

    pub(super) fn read_options(&self, settings: &Settings) -> ReadOptions {
        let mut options = ReadOptions::default();
        options.text_column.clone_from(&self.text_column);
        options.id_column.clone_from(&self.id_column);
        options.invalid_utf8 = match settings.pipeline.invalid_utf8 {
            InvalidText::Error => InvalidUtf8::Error,
            InvalidText::Replace => InvalidUtf8::Replace,
            InvalidText::Skip => InvalidUtf8::Skip,
        };
        options.window_rows = settings.batching.window_rows;
        options.window_bytes = settings.batching.window_bytes;
        options
    }
}
