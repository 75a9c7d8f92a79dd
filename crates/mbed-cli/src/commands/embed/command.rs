//! What `mbed embed` does.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mbed::chunk::Chunker;
use mbed::settings::{ChunkPooling, ChunkingSettings, ChunkingStrategy};
use mbed::{Cancel, EngineError, Opened, Progress as _, RunError, Task};
use mbed_pipeline::{
    BackgroundReader, ChunkedReader, InputFile, InputPlan, OutputFormat, PipelineError, Reader, Target,
    Windows, WriteOptions, Writer, plan_inputs,
};

use super::EmbedArguments;
use super::stages::Profile;
use super::summary::Summary;
use super::tolerant::Tolerant;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::printer::Stream;
use crate::progress::Bars;
use crate::status::Status;

/// Embeds.
pub(crate) fn run(arguments: EmbedArguments, invocation: &Invocation) -> Result<Status, Failure> {
    let Invocation { printer, start, .. } = invocation;
    let settings = invocation.settings();
    let bars = Bars::new(printer);
    let context = invocation.context(&bars)?;
    check_pooling(&settings.chunking)?;
    mbed::check_backend(settings, &context)?;
    let plan =
        plan_inputs(&arguments.inputs, arguments.input.input_format.named()).map_err(Failure::pipeline)?;
    let (target, format) = output(&arguments, &plan)?;
    if plan.skipped_files() > 0 {
        printer.note(&format!("{} files of other formats in the folders are not read", plan.skipped_files()));
    }
    if plan.files().iter().any(InputFile::is_stdin) && io::stdin().is_terminal() {
        printer.note("reading texts from the terminal; Ctrl-D ends them");
    }
    let reader = Reader::open(&plan, &arguments.read_options(settings)).map_err(Failure::pipeline)?;
    let pooling = settings.chunking.pooling;
    let input = Input::new(reader, mbed::chunker(settings, &context)?, pooling)?;
    let mut opened = mbed::open(settings, &context)?;
    if pooling == ChunkPooling::Late {
        opened.check_spans()?;
    }
    if arguments.profile {
        opened.embedder.profile();
    }
    for refusal in &opened.passed_over {
        printer.note(&format!("backend {} passed over: {}", refusal.backend, refusal.reason));
    }
    let options =
        WriteOptions::new(opened.embedder.dimensions()).with_vector_column(&arguments.vector_column);
    let stream = if arguments.writes_to_stdout() { Stream::Stderr } else { Stream::Stdout };
    let writer =
        Writer::create(target, format, input.windows.schema(), &options).map_err(Failure::pipeline)?;
    let summary = embed(opened, input, Tolerant::new(writer, printer), (&bars, *start))?;
    if arguments.json {
        printer.result(&serde_json::json!(summary).to_string(), stream);
    } else {
        printer.note(&summary.line());
        if let Some(profile) = &summary.profile {
            printer.note(&profile.table());
        }
    }
    match summary.failed_rows {
        0 => Ok(Status::Success),
        rows => {
            let message = format!("{rows} rows do not fit into memory alone; their vectors are all zeros");
            Err(Failure::new(
                message,
                Some("`--max-length` makes texts shorter, `memory.max_retries` tries more often"),
            ))
        }
    }
}

impl EmbedArguments {
    fn writes_to_stdout(&self) -> bool {
        self.output.as_deref().is_none_or(|path| path == Path::new("-"))
    }
}

/// Where the output goes, and as what. Checked before a model is looked for.
fn output(arguments: &EmbedArguments, plan: &InputPlan) -> Result<(Target, OutputFormat), Failure> {
    let path = match &arguments.output {
        Some(path) if !arguments.writes_to_stdout() => path,
        _ => return Ok((Target::Stdout, arguments.format.named().unwrap_or(OutputFormat::Jsonl))),
    };
    plan.check_output(path).map_err(Failure::pipeline)?;
    let format = match arguments.format.named() {
        Some(format) => format,
        None => OutputFormat::from_path(path).map_err(Failure::pipeline)?,
    };
    Ok((Target::File(path.clone()), format))
}

/// Refuses to pool chunks where there are none.
fn check_pooling(chunking: &ChunkingSettings) -> Result<(), Failure> {
    if chunking.pooling == ChunkPooling::Late && chunking.strategy == ChunkingStrategy::None {
        let hint = "`--chunk recursive --chunk-size 256t` cuts documents into chunks";
        return Err(Failure::new("late chunking pools chunks, and no strategy makes any", Some(hint)));
    }
    Ok(())
}

/// What is embedded: records, or chunks of them.
struct Input {
    windows: Box<dyn Windows>,
    /// How many records there are, where it is known.
    rows: Option<u64>,
    has_chunks: bool,
    pooling: ChunkPooling,
}

impl Input {
    fn new(
        reader: Reader,
        chunker: Option<Arc<dyn Chunker>>,
        pooling: ChunkPooling,
    ) -> Result<Self, Failure> {
        let (rows, has_chunks) = (reader.total_rows(), chunker.is_some());
        let windows: Box<dyn Windows> = match chunker {
            Some(chunker) => {
                let chunked = ChunkedReader::new(reader, chunker).map_err(Failure::pipeline)?;
                Box::new(chunked.with_pooling(pooling))
            }
            None => Box::new(reader),
        };
        Ok(Self { windows, rows, has_chunks, pooling })
    }
}

/// Runs the texts through the model and commits the output.
fn embed(
    opened: Opened,
    input: Input,
    mut writer: Tolerant<'_>,
    (bars, start): (&Bars, Instant),
) -> Result<Summary, Failure> {
    let Opened { mut embedder, .. } = opened;
    let cancel = cancel_on_interrupt()?;
    let Input { windows, rows: total, has_chunks, pooling } = input;
    let source = BackgroundReader::start(windows, cancel.clone());
    let mut source =
        source.map_err(|error| Failure::new(format!("cannot start a thread for reading: {error}"), None))?;
    let load = start.elapsed();
    bars.begin(&Task::Embed, total.filter(|_| !has_chunks));
    let result = embedder.run(&mut source, &mut writer, bars, &cancel);
    bars.end();
    let mut stats = result.map_err(explain)?;
    check_counts(source.read_rows(), total)?;
    let committing = Instant::now();
    writer.writer.finish().map_err(Failure::pipeline)?;
    stats.elapsed += committing.elapsed();
    if let Err(error) = embedder.remember() {
        // The vectors are written; that the next run learns nothing from this one is no reason to fail.
        tracing::warn!("what was learned is not kept: {error}");
    }
    let mut summary = summary(&embedder, opened.backend, opened.model.id, load);
    summary.count(&stats);
    summary.profile = Profile::of(&embedder.stages(), &stats);
    summary.documents = has_chunks.then(|| source.read_rows());
    summary.split_documents = (pooling == ChunkPooling::Late).then_some(stats.split_documents);
    summary.skipped_rows = source.skipped_rows();
    Ok(summary)
}

fn summary(embedder: &mbed::Embedder, backend: &'static str, model: String, load: Duration) -> Summary {
    let capabilities = embedder.capabilities();
    let say = |fact: fn(&mbed::Capabilities) -> String| capabilities.map_or_else(String::new, fact);
    Summary {
        documents: None,
        split_documents: None,
        rows: 0,
        tokens: 0,
        truncated_rows: 0,
        skipped_rows: 0,
        seconds: 0.0,
        load_seconds: load.as_secs_f64(),
        texts_per_s: 0.0,
        tokens_per_s: 0.0,
        dimensions: embedder.dimensions(),
        backend,
        device: say(|capabilities| capabilities.device.to_string()),
        device_name: say(|capabilities| capabilities.device_name.clone()),
        precision: say(|capabilities| capabilities.precision.to_string()),
        model,
        peak_memory_bytes: mbed_monitor::peak_resident().map(mbed_core::Bytes::get),
        failed_rows: 0,
        splits: 0,
        reopened_sessions: 0,
        lost_sessions: 0,
        memory: embedder.memory_report(),
        profile: None,
    }
}

/// Proves that no row was lost: as many were written as were counted before anything was computed.
fn check_counts(read: u64, total: Option<u64>) -> Result<(), Failure> {
    match total {
        Some(total) if total != read => Err(Failure::new(
            format!("the input had {total} rows when it was counted, {read} were read"),
            Some("a file changed while it was read, and no output file was written: run again"),
        )),
        _ => Ok(()),
    }
}

/// A wish to end that Ctrl-C and a termination signal make.
fn cancel_on_interrupt() -> Result<Cancel, Failure> {
    let cancel = Cancel::new();
    let wish = cancel.clone();
    ctrlc::set_handler(move || wish.cancel())
        .map_err(|error| Failure::new(format!("cannot listen for Ctrl-C: {error}"), None))?;
    Ok(cancel)
}

fn explain(error: RunError<PipelineError, PipelineError>) -> Failure {
    match error {
        RunError::Read(error) | RunError::Write(error) => Failure::pipeline(error),
        RunError::Engine(EngineError::Cancelled) => Failure::interrupted(),
        RunError::Engine(error) => error.into(),
    }
}
