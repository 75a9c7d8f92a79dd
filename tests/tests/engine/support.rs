//! Texts that tell their vectors, sources and sinks that fail on demand, and a watch over the time.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use mbed_core::settings::{BatchingSettings, Overflow};
use mbed_core::{Backend, BackendError, DeviceId, Embeddings, OpenRequest, Session, Silent};
use mbed_engine::{Cancel, Engine, EngineOptions, Finish, Reopen, Rows, RunError, RunStats, Sink, Source};
use mbed_tests::fake::{self, FakeBackend, FakeLog, FakeOptions};
use mbed_text::TextEncoder;

/// The most tokens of a text here.
pub(crate) const MAX_TOKENS: usize = 16;

/// Longer than any run here takes on a busy machine; a run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Does `work` on a thread of its own, and fails where it does not end.
pub(crate) fn ends<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || _ = sender.send(work()));
    match receiver.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(RecvTimeoutError::Disconnected) => std::panic::resume_unwind(worker.join().unwrap_err()),
    }
}

/// The tokenizer of the fake, for texts of [`MAX_TOKENS`].
pub(crate) fn encoder() -> TextEncoder {
    encoder_of(MAX_TOKENS)
}

/// As [`encoder`], for texts of at most so many tokens.
pub(crate) fn encoder_of(max_tokens: usize) -> TextEncoder {
    fake::encoder(max_tokens)
}

/// The vector of a text, from the text alone: its numbers are its tokens, the first [`MAX_TOKENS`] are kept.
pub(crate) fn vector(text: &str) -> Vec<f32> {
    let ids: Vec<u32> = text.split_whitespace().take(MAX_TOKENS).map(|id| id.parse().unwrap()).collect();
    fake::vector_of(&ids, &(0..ids.len())).to_vec()
}

/// A text of `tokens` numbers that no other `seed` gives.
pub(crate) fn text(seed: usize, tokens: usize) -> String {
    let numbers: Vec<String> =
        (0..tokens).map(|place| ((seed * 31 + place * 7) % fake::VOCABULARY).to_string()).collect();
    numbers.join(" ")
}

/// `rows` texts of `tokens` numbers each.
pub(crate) fn texts(rows: usize, tokens: usize) -> Vec<String> {
    (0..rows).map(|row| text(row, tokens)).collect()
}

/// How an engine is set up, where it is not as usual.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) fake: FakeOptions,
    pub(crate) sessions: usize,
    /// Tokens of a batch.
    pub(crate) budget: usize,
    pub(crate) batching: BatchingSettings,
    pub(crate) max_retries: u32,
    pub(crate) overflow: Overflow,
    pub(crate) finish: Finish,
    /// Whether lost sessions are opened anew.
    pub(crate) reopening: Reopening,
}

/// Whether lost sessions are opened anew.
#[derive(Clone, Copy)]
pub(crate) enum Reopening {
    Never,
    Always,
    /// It is tried, and fails.
    Fails,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            fake: FakeOptions::default(),
            sessions: 1,
            budget: 64,
            batching: BatchingSettings::default(),
            // More than any batch here can be halved.
            max_retries: 20,
            overflow: Overflow::Truncate,
            finish: Finish::default(),
            reopening: Reopening::Never,
        }
    }
}

impl Setup {
    pub(crate) fn engine(&self) -> (Engine, FakeLog) {
        let backend = FakeBackend::new(self.fake.clone());
        let open = |_| backend.open(OpenRequest::new(fake::source())).unwrap();
        let sessions: Vec<Box<dyn Session>> = (0..self.sessions).map(open).collect();
        let log = backend.log();
        let engine = Engine::new(sessions, fake::encoder(MAX_TOKENS), self.options()).unwrap();
        let open = move |_session| backend.open(OpenRequest::new(fake::source()));
        let engine = match self.reopening {
            Reopening::Never => engine,
            Reopening::Always => engine.with_reopening(Reopen::new(open)),
            Reopening::Fails => engine.with_reopening(Reopen::new(|_session| Err(lost()))),
        };
        (engine, log)
    }

    pub(crate) fn options(&self) -> EngineOptions {
        let max_tokens = NonZeroUsize::new(self.budget).unwrap();
        EngineOptions {
            batching: BatchingSettings { max_tokens, ..self.batching },
            max_retries: self.max_retries,
            threads: NonZeroUsize::MIN,
            overflow: self.overflow,
            finish: self.finish,
        }
    }

    /// Runs an engine to the end of `source`, on a thread that is watched.
    pub(crate) fn run(self, source: TestSource, sink: TestSink) -> Outcome {
        self.run_with(source, sink, Cancel::new())
    }

    pub(crate) fn run_with(self, mut source: TestSource, mut sink: TestSink, cancel: Cancel) -> Outcome {
        ends(move || {
            let (mut engine, log) = self.engine();
            let result = engine.run(&mut source, &mut sink, &Silent, &cancel);
            let (read, written) = (source.next, sink.written);
            Outcome { result, read, written, log, cancelled: cancel.is_cancelled() }
        })
    }
}

/// What a backend says whose device is gone.
fn lost() -> BackendError {
    BackendError::DeviceLost { device: DeviceId::new("fake", 0), source: Box::new(io::Error::other("gone")) }
}

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) result: Result<RunStats, RunError<io::Error, io::Error>>,
    /// How many windows were read.
    pub(crate) read: usize,
    /// Windows as they were written: texts and vectors.
    pub(crate) written: Vec<(Vec<String>, Embeddings)>,
    pub(crate) log: FakeLog,
    pub(crate) cancelled: bool,
}

impl Outcome {
    /// Proves that the first windows were written, whole and in order, and gives how many.
    pub(crate) fn check_written(&self, windows: &[Vec<String>]) -> usize {
        for (window, (texts, vectors)) in self.written.iter().enumerate() {
            assert_eq!(texts, &windows[window], "window {window}");
            assert_eq!(vectors.rows(), texts.len(), "window {window}");
            for (row, text) in texts.iter().enumerate() {
                assert_eq!(vectors.get(row).unwrap(), vector(text), "row {row} of window {window}");
            }
        }
        self.written.len()
    }
}

/// A window of texts, counted as long as it lives.
pub(crate) struct Window {
    number: usize,
    texts: Vec<String>,
    alive: Arc<AtomicUsize>,
}

impl Window {
    pub(crate) fn texts(&self) -> &[String] {
        &self.texts
    }
}

impl Rows for Window {
    fn len(&self) -> usize {
        self.texts.len()
    }

    fn text(&self, row: usize) -> &str {
        &self.texts[row]
    }

    fn name(&self, row: usize) -> String {
        format!("row {row} of window {}", self.number)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Called with the number of a window before it is read or written; an error is the stage's own.
pub(crate) type Step = Box<dyn FnMut(usize) -> io::Result<()> + Send>;

/// Gives windows.
pub(crate) struct TestSource {
    windows: Vec<Vec<String>>,
    next: usize,
    alive: Arc<AtomicUsize>,
    most_alive: Arc<AtomicUsize>,
    step: Step,
}

impl TestSource {
    pub(crate) fn new(windows: Vec<Vec<String>>) -> Self {
        Self::with_step(windows, |_| Ok(()))
    }

    /// `step` is also called for the end, with the number of windows.
    pub(crate) fn with_step(
        windows: Vec<Vec<String>>,
        step: impl FnMut(usize) -> io::Result<()> + Send + 'static,
    ) -> Self {
        Self { windows, next: 0, alive: Arc::default(), most_alive: Arc::default(), step: Box::new(step) }
    }

    /// The most windows that were alive together.
    pub(crate) fn most_alive(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.most_alive)
    }
}

impl Source for TestSource {
    type Rows = Window;
    type Error = io::Error;

    fn next_rows(&mut self) -> io::Result<Option<Window>> {
        (self.step)(self.next)?;
        let Some(texts) = self.windows.get(self.next).cloned() else { return Ok(None) };
        let number = self.next;
        self.next += 1;
        let alive = self.alive.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_alive.fetch_max(alive, Ordering::SeqCst);
        Ok(Some(Window { number, texts, alive: Arc::clone(&self.alive) }))
    }
}

/// Keeps windows.
pub(crate) struct TestSink {
    written: Vec<(Vec<String>, Embeddings)>,
    step: Step,
}

impl TestSink {
    pub(crate) fn new() -> Self {
        Self::with_step(|_| Ok(()))
    }

    pub(crate) fn with_step(step: impl FnMut(usize) -> io::Result<()> + Send + 'static) -> Self {
        Self { written: Vec::new(), step: Box::new(step) }
    }
}

impl Sink for TestSink {
    type Rows = Window;
    type Error = io::Error;

    fn write(&mut self, rows: &Window, vectors: &Embeddings) -> io::Result<()> {
        (self.step)(rows.number)?;
        self.written.push((rows.texts.clone(), vectors.clone()));
        Ok(())
    }
}

/// An error of a source or a sink.
pub(crate) fn told() -> io::Error {
    io::Error::other("the test wants it so")
}
