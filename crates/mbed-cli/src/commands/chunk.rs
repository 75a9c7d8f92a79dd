//! `mbed chunk`

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use mbed::settings::{ChunkingStrategy, Settings};
use mbed_pipeline::{
    ChunkedReader, InputFile, InputPlan, OutputFormat, Reader, Target, Windows as _, WriteOptions, Writer,
    plan_inputs,
};
use serde::Serialize;

use super::choice::{Choice, output_choices};
use super::chunk_options::ChunkOptions;
use super::input_options::InputOptions;
use super::model_options::ModelOptions;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::printer::Stream;
use crate::progress::Bars;
use crate::settings_options::Flags;
use crate::status::Status;

/// Cut documents into chunks
///
/// Reads what `mbed embed` reads, text files too as one document each, and writes one row a chunk: all columns of its
/// document, its own text, and
///
/// document (the id, or the place it was read from), chunk (its number there), start and end (the bytes of the document
/// that it is), level (0 at the top), parent (the number of the chunk it is a part of), headings (those above it), and with
/// hybrid reason (the strategy that was chosen, and why). Without -o, JSON Lines go to standard output.
///
/// Strategies: character cuts after so many units and nowhere else; recursive at the end of a paragraph, else of a line, a
/// sentence, a word; markdown keeps paragraphs, lists, code and tables whole and knows the headings above them; semantic
/// cuts where neighbouring sentences differ in meaning, for which it embeds them; hierarchical makes large chunks and
/// small ones inside of them; hybrid takes markdown, semantic or recursive for each document and says why.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ChunkArguments {
    /// Files, folders, or - for standard input
    #[arg(value_name = "INPUT", default_value = "-")]
    inputs: Vec<PathBuf>,
    /// The file to write, which appears only when it is whole; - for standard output
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    #[command(flatten)]
    chunks: ChunkOptions,
    #[command(flatten)]
    model: ModelOptions,
    /// Format of the output; by default the extension of OUT says it
    #[arg(long, default_value = "auto", value_parser = output_choices(), help_heading = "Files")]
    format: Choice<OutputFormat>,
    #[command(flatten)]
    input: InputOptions,
    /// Print the summary as one JSON object: on standard output where -o names a file, else on standard error
    #[arg(long)]
    json: bool,
}

/// What was cut. The fields are those of `--json`, in their order.
#[derive(Debug, Serialize)]
struct Summary {
    documents: u64,
    chunks: u64,
    /// Bytes of text in all chunks; what they share counts for each.
    text_bytes: usize,
    /// From the first document to the last byte.
    seconds: f64,
    /// Everything before that: the model, where one is needed.
    load_seconds: f64,
}

const EXAMPLES: &str = "Examples:
  mbed chunk README.md --strategy markdown --size 800c
  mbed chunk articles.parquet --text-column body --size 256t --overlap 32 -o chunks.parquet
  mbed chunk docs --strategy hierarchical --size 4000c --levels 3 | jq .headings";

impl ChunkArguments {
    pub(crate) fn flags(&self) -> Flags {
        self.model.flags().and(self.chunks.flags()).and(self.input.flags())
    }
}

pub(crate) fn run(arguments: &ChunkArguments, invocation: &Invocation) -> Result<Status, Failure> {
    let Invocation { printer, start, .. } = invocation;
    let settings = with_a_strategy(invocation.settings());
    let plan =
        plan_inputs(&arguments.inputs, arguments.input.input_format.named()).map_err(Failure::pipeline)?;
    let (target, format) = arguments.output(&plan)?;
    if plan.files().iter().any(InputFile::is_stdin) && io::stdin().is_terminal() {
        printer.note("reading one document from the terminal; Ctrl-D ends it");
    }
    let reader = Reader::open(&plan, &arguments.input.read_options(&settings)).map_err(Failure::pipeline)?;
    let bars = Bars::new(printer);
    let Some(chunker) = mbed::chunker(&settings, &invocation.context(&bars)?)? else {
        return Err(Failure::new("no strategy was chosen", None));
    };
    let mut reader = ChunkedReader::new(reader, chunker).map_err(Failure::pipeline)?;
    let options = WriteOptions::without_vectors();
    let mut writer = Writer::create(target, format, reader.schema(), &options).map_err(Failure::pipeline)?;
    let load = start.elapsed();
    let mut bytes = 0;
    while let Some(window) = reader.next_window().map_err(Failure::pipeline)? {
        bytes += window.texts().map(str::len).sum::<usize>();
        writer.write_records(&window).map_err(Failure::pipeline)?;
    }
    let report = writer.finish().map_err(Failure::pipeline)?;
    let summary = Summary {
        documents: reader.read_rows(),
        chunks: report.rows,
        text_bytes: bytes,
        seconds: (start.elapsed() - load).as_secs_f64(),
        load_seconds: load.as_secs_f64(),
    };
    if arguments.json {
        let stream = if arguments.writes_to_stdout() { Stream::Stderr } else { Stream::Stdout };
        printer.result(&serde_json::json!(summary).to_string(), stream);
    } else {
        printer.note(&summary.line());
    }
    Ok(Status::Success)
}

impl Summary {
    /// For people.
    fn line(&self) -> String {
        let Self { documents, chunks, text_bytes, seconds, load_seconds } = self;
        let text = mbed::Bytes::from(*text_bytes);
        format!(
            "{documents} documents, {chunks} chunks, {text} of text, {seconds:.2} s after {load_seconds:.2} s load"
        )
    }
}

impl ChunkArguments {
    fn writes_to_stdout(&self) -> bool {
        self.output.as_deref().is_none_or(|path| path == Path::new("-"))
    }

    fn output(&self, plan: &InputPlan) -> Result<(Target, OutputFormat), Failure> {
        let path = match &self.output {
            Some(path) if !self.writes_to_stdout() => path,
            _ => return Ok((Target::Stdout, self.format.named().unwrap_or(OutputFormat::Jsonl))),
        };
        plan.check_output(path).map_err(Failure::pipeline)?;
        let format = match self.format.named() {
            Some(format) => format,
            None => OutputFormat::from_path(path).map_err(Failure::pipeline)?,
        };
        Ok((Target::File(path.clone()), format))
    }
}

/// Whoever asks for chunks without saying how gets those that end at the best place.
fn with_a_strategy(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    if settings.chunking.strategy == ChunkingStrategy::None {
        settings.chunking.strategy = ChunkingStrategy::Recursive;
    }
    settings
}
