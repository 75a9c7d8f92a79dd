//! The child: opens a model and does what it is told.

use std::fs;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use mbed::settings::Settings;
use mbed::{Cancel, Context, Embedder, Hint, Silent};
use mbed_core::{BatchLayout, ModelSource};
use mbed_monitor::Host;

use super::protocol::{Opened, Ran, Reply, Request};
use super::spans::Spans;
use super::texts::{Nowhere, Serving, Texts};
use crate::BenchError;
use crate::lengths::TokenLengths;
use crate::operations::{operations, weight_bytes};

/// Answers each line of `requests` with a line of `replies` until they end.
///
/// # Errors
/// The parent cannot be read or answered any more.
pub fn serve(requests: impl BufRead, mut replies: impl Write) -> Result<(), BenchError> {
    let failed = |source| BenchError::Worker { source };
    let spans = Spans::default();
    // A second worker in one process would share the first one's listener: the batches are then told to that one.
    let _already = tracing::subscriber::set_global_default(spans.clone());
    let mut model = None;
    for line in requests.lines() {
        let line = line.map_err(failed)?;
        let reply = answer(&line, &mut model, &spans).unwrap_or_else(|reason| Reply::Failed { reason });
        let mut text = serde_json::to_string(&reply).map_err(|error| failed(error.into()))?;
        text.push('\n');
        replies.write_all(text.as_bytes()).and_then(|()| replies.flush()).map_err(failed)?;
    }
    Ok(())
}

/// An open model and its texts.
struct Open {
    embedder: Embedder,
    texts: Texts,
    window: usize,
}

fn answer(line: &str, model: &mut Option<Open>, spans: &Spans) -> Result<Reply, String> {
    let request: Request = serde_json::from_str(line).map_err(|error| chain(&error))?;
    if let Request::Open { settings, texts } = request {
        let (open, opened) = open(&settings, &texts)?;
        *model = Some(open);
        return Ok(Reply::Opened(Box::new(opened)));
    }
    let open = model.as_mut().ok_or("no model is open")?;
    match request {
        Request::Run { rows } => run(open, rows, spans).map(Reply::Ran),
        Request::Alone { calls, seconds } => alone(open, calls, seconds).map(Reply::Alone),
        Request::Embed { texts, vectors } => embed(open, &texts, &vectors),
        Request::Open { .. } => Err("a model is open already".to_owned()),
    }
}

fn open(settings: &Settings, texts: &Path) -> Result<(Open, Opened), String> {
    let texts = read_texts(texts)?;
    let mut context = Context::from_environment().map_err(|error| hinted(&error))?;
    if settings.model.offline {
        context.locations.network = mbed_model::Network::Offline { because: "model.offline".to_owned() };
    }
    context.revision.clone_from(&settings.model.revision);
    // What earlier runs learned would make the same cell faster the second time.
    context.profiles = None;
    let start = Instant::now();
    let found = mbed::open(settings, &context).map_err(|error| hinted(&error))?;
    let load = start.elapsed();
    let mut embedder = found.embedder;
    let start = Instant::now();
    let first = embedder.embed(texts.get(..1).unwrap_or_default());
    first.map_err(|error| hinted(&error))?;
    let first = start.elapsed();
    let mut opened = describe(&mut embedder, &texts, (load, first))?;
    opened.backend = found.backend.to_owned();
    opened.model.clone_from(&found.model.id);
    if let Ok(model) = mbed_model::load(&found.model) {
        opened.parameters = model.parameters();
        add_operations(&mut opened, &model.source, &lengths(&mut embedder, &texts)?);
    }
    let window = settings.batching.window_rows.get();
    Ok((Open { embedder, texts: Texts::new(texts), window }, opened))
}

fn describe(
    embedder: &mut Embedder,
    texts: &[String],
    (load, first): (Duration, Duration),
) -> Result<Opened, String> {
    let lengths = TokenLengths::of(&lengths(embedder, texts)?);
    let dimensions = embedder.dimensions();
    let capabilities = embedder.capabilities().ok_or("the engine has no session")?;
    Ok(Opened {
        backend: capabilities.device.backend.to_string(),
        device: capabilities.device.to_string(),
        device_name: capabilities.device_name.clone(),
        precision: capabilities.precision.to_string(),
        dimensions,
        model: String::new(),
        parameters: 0,
        load_s: load.as_secs_f64(),
        first_s: first.as_secs_f64(),
        lengths,
        operations: None,
        weight_bytes: None,
    })
}

fn add_operations(opened: &mut Opened, source: &ModelSource, lengths: &[usize]) {
    let ModelSource::Spec { spec, .. } = source else { return };
    opened.operations = Some(operations(spec, lengths));
    if let Ok(mbed::PrecisionChoice::Exactly(precision)) = opened.precision.parse() {
        opened.weight_bytes = Some(weight_bytes(spec, precision));
    }
}

fn lengths(embedder: &mut Embedder, texts: &[String]) -> Result<Vec<usize>, String> {
    let encoder = embedder.engine_mut().encoder();
    let lengths = texts.iter().map(|text| encoder.encode(text).map(|encoded| encoded.tokens.len()));
    lengths.collect::<Result<_, _>>().map_err(|error| chain(&error))
}

fn run(open: &mut Open, rows: usize, spans: &Spans) -> Result<Ran, String> {
    let host = Host::new();
    let before = host.processor_seconds();
    spans.take();
    let mut source = Serving { texts: &mut open.texts, left: rows, window: open.window };
    let stats = open.embedder.run(&mut source, &mut Nowhere, &Silent, &Cancel::new());
    let stats = stats.map_err(|error| chain(&error))?;
    let layout = open.embedder.capabilities().map_or(BatchLayout::Packed, |found| found.layout);
    let batches = spans.take();
    let places = batches.iter().map(|batch| match layout {
        BatchLayout::Packed => batch.tokens,
        BatchLayout::Padded => batch.rows * batch.longest,
    });
    Ok(Ran {
        rows,
        tokens: stats.tokens,
        truncated: stats.truncated_rows,
        seconds: stats.elapsed.as_secs_f64(),
        processor_s: host.processor_seconds().zip(before).map(|(after, before)| after - before),
        places: places.sum(),
        batch_ms: batches.iter().map(|batch| batch.milliseconds).collect(),
        peak_bytes: host.peak().or_else(mbed_monitor::peak_resident).map(mbed::Bytes::get),
    })
}

fn alone(open: &mut Open, calls: usize, seconds: f64) -> Result<Vec<f64>, String> {
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < calls && (times.is_empty() || begin.elapsed().as_secs_f64() < seconds) {
        let text = open.texts.turn();
        let start = Instant::now();
        open.embedder.embed(&[text]).map_err(|error| hinted(&error))?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

fn embed(open: &mut Open, texts: &Path, vectors: &Path) -> Result<Reply, String> {
    let texts = read_texts(texts)?;
    let made = open.embedder.embed(&texts).map_err(|error| hinted(&error))?;
    let bytes: Vec<u8> = made.values().iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(vectors, bytes).map_err(|error| format!("{}: {error}", vectors.display()))?;
    Ok(Reply::Embedded { rows: made.rows(), dimensions: made.dimensions() })
}

fn read_texts(path: &Path) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let texts: Result<Vec<String>, _> = text.lines().map(serde_json::from_str).collect();
    texts.map_err(|error| format!("{}: {error}", path.display()))
}

fn hinted<E: std::error::Error + Hint>(error: &E) -> String {
    match error.hint() {
        Some(hint) => format!("{} ({hint})", chain(error)),
        None => chain(error),
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    text.replace('\n', "; ")
}
