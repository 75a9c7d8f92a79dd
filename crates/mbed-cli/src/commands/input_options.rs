//! Options that say what is read and how, shared by the commands that read records.

use clap::Args;
use mbed::settings::{ChunkingStrategy, InvalidText, Settings};
use mbed_pipeline::{InputFormat, InvalidUtf8, ReadOptions, TextFiles};

use super::choice::{Choice, input_choices};
use crate::settings_options::Flags;

/// How records are read.
#[derive(Debug, Args)]
pub(crate) struct InputOptions {
    /// Format of the input; by default the extension says it, and standard input is text
    #[arg(long, default_value = "auto", value_parser = input_choices(), help_heading = "Files")]
    pub(super) input_format: Choice<InputFormat>,
    /// The column with the texts; by default `text`, or the only column of strings
    #[arg(long, value_name = "COLUMN", help_heading = "Files")]
    pub(super) text_column: Option<String>,
    /// A column that names rows in messages
    #[arg(long, value_name = "COLUMN", help_heading = "Files")]
    pub(super) id_column: Option<String>,
    /// What happens to bytes that are not UTF-8: the run ends (without this), U+FFFD takes their place, or the row is
    /// left out and counted
    #[arg(long, value_name = "WHAT", value_parser = ["error", "replace", "skip"], help_heading = "Files")]
    invalid_utf8: Option<String>,
}

impl InputOptions {
    pub(super) fn flags(&self) -> Flags {
        Flags::default().with("--invalid-utf8", "pipeline.invalid_utf8", self.invalid_utf8.as_ref())
    }

    pub(super) fn read_options(&self, settings: &Settings) -> ReadOptions {
        let mut options = read_options(settings);
        options.text_column.clone_from(&self.text_column);
        options.id_column.clone_from(&self.id_column);
        options
    }
}

/// How records are read, as settings say; a text file is one document where documents are cut.
pub(super) fn read_options(settings: &Settings) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.invalid_utf8 = match settings.pipeline.invalid_utf8 {
        InvalidText::Error => InvalidUtf8::Error,
        InvalidText::Replace => InvalidUtf8::Replace,
        InvalidText::Skip => InvalidUtf8::Skip,
    };
    options.text_files = match settings.chunking.strategy {
        ChunkingStrategy::None => TextFiles::Lines,
        _ => TextFiles::Whole,
    };
    options.window_rows = settings.batching.window_rows;
    options.window_bytes = settings.batching.window_bytes;
    options
}
