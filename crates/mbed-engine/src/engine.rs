//! The engine: sessions, an encoder, and how they are used.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::Duration;

use mbed_core::settings::{BatchingSettings, Overflow};
use mbed_core::{BatchLayout, Bytes, Capabilities, Embeddings, Progress, Session, Silent, StageTime};
use mbed_text::TextEncoder;

use crate::batch::Cutter;
use crate::finish::scatter;
use crate::flow::{self, Parts};
use crate::memory::{Controller, CostModel, Learnt, MemoryOptions, MemoryReport, Reading};
use crate::post;
use crate::reopen::Reopen;
use crate::sizing::{Plan, Sizing};
use crate::tokenise::Tokenise;
use crate::{Cancel, EngineError, Finish, Rows, RunError, RunStats, Sink, Source, Within};

/// Fewer texts than this are embedded on the calling thread: starting the stages of a run takes a fraction of a
/// millisecond, which a lone query would feel.
const INLINE_ROWS: usize = 256;

/// How an engine works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// How work is cut.
    pub batching: BatchingSettings,
    /// Threads that tokenise.
    pub threads: NonZeroUsize,
    /// What happens to a text that is too long.
    pub overflow: Overflow,
    /// How often a batch is halved, and its halves in turn, where memory runs out.
    pub max_retries: u32,
    /// What happens to vectors after the model.
    pub finish: Finish,
}

/// Open sessions of one model with the encoder of its texts.
pub struct Engine {
    sessions: Vec<Box<dyn Session>>,
    encoder: TextEncoder,
    options: EngineOptions,
    sizing: Sizing,
    reopen: Option<Reopen>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("sessions", &self.sessions.len())
            .field("options", &self.options)
            .finish()
    }
}

impl Engine {
    /// An engine of sessions of the same model.
    ///
    /// # Errors
    /// There is no session, texts may become longer than one takes, or more dimensions are asked for than there
    /// are.
    pub fn new(
        sessions: Vec<Box<dyn Session>>,
        encoder: TextEncoder,
        options: EngineOptions,
    ) -> Result<Self, EngineError> {
        if sessions.is_empty() {
            return Err(EngineError::NoSession);
        }
        for session in &sessions {
            let capabilities = session.capabilities();
            let (tokens, limit) = (encoder.max_tokens(), capabilities.max_tokens);
            if tokens > limit {
                return Err(EngineError::SessionTooShort { tokens, limit });
            }
            let (asked, available) =
                (options.finish.dimensions.map_or(0, NonZeroUsize::get), capabilities.dimensions);
            if asked > available {
                return Err(EngineError::TooManyDimensions { asked, available });
            }
        }
        Ok(Self { sessions, encoder, options, sizing: Sizing::Fixed, reopen: None })
    }

    /// Opens sessions anew whose device is lost; without it they are taken out.
    #[must_use]
    pub fn with_reopening(mut self, reopen: Reopen) -> Self {
        self.reopen = Some(reopen);
        self
    }

    /// Makes batches size themselves by memory and by measured rates, within the bounds of the engine's options. Sessions
    /// should be warm, so that what they keep is known.
    ///
    /// # Errors
    /// More memory is to be left to others than there is.
    pub fn with_memory(mut self, memory: MemoryOptions) -> Result<Self, EngineError> {
        let (batching, longest) = (&self.options.batching, self.encoder.max_tokens());
        let controller = Controller::new(memory, &self.sessions, batching, longest)?;
        self.sizing = Sizing::Adaptive(Box::new(controller));
        Ok(self)
    }

    /// What sizing batches came to so far, where they size themselves.
    #[must_use]
    pub fn memory_report(&self) -> Option<MemoryReport> {
        self.controller().map(Controller::report)
    }

    /// What later runs may begin with, where batches size themselves.
    #[must_use]
    pub fn learnt(&self) -> Option<Learnt> {
        self.controller().map(Controller::learnt)
    }

    /// What a batch needs, as far as that is known, where batches size themselves.
    #[must_use]
    pub fn cost(&self) -> Option<CostModel> {
        self.controller().map(Controller::cost)
    }

    /// What batches may take now and what that rests on, where batches size themselves and memory can be told.
    #[must_use]
    pub fn budget(&self) -> Option<(Bytes, Reading)> {
        self.controller()?.budget()
    }

    fn controller(&self) -> Option<&Controller> {
        match &self.sizing {
            Sizing::Adaptive(controller) => Some(controller),
            Sizing::Fixed => None,
        }
    }

    /// Cuts work otherwise from now on. Batches that size themselves keep the bounds that they began with.
    pub const fn set_batching(&mut self, batching: BatchingSettings) {
        self.options.batching = batching;
    }

    /// What the first session can do; sessions of an engine are of one model.
    #[must_use]
    pub fn capabilities(&self) -> Option<&Capabilities> {
        self.sessions.first().map(|session| session.capabilities())
    }

    /// The length of the vectors that come out.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.capabilities().map_or(0, |capabilities| self.options.finish.dimensions(capabilities.dimensions))
    }

    /// The encoder of its texts.
    #[must_use]
    pub const fn encoder(&self) -> &TextEncoder {
        &self.encoder
    }

    /// Measures from now on what the stages of the sessions take.
    pub fn profile(&mut self) {
        for session in &mut self.sessions {
            session.profile();
        }
    }

    /// What the stages of the sessions took since [`Engine::profile`], session after session; empty where they cannot tell.
    #[must_use]
    pub fn stages(&self) -> Vec<StageTime> {
        self.sessions.iter().flat_map(|session| session.stages()).collect()
    }

    /// Does now what the first batch would otherwise wait for.
    ///
    /// # Errors
    /// A session fails.
    pub fn warm_up(&mut self) -> Result<(), EngineError> {
        for session in &mut self.sessions {
            let warm = session.warm_up();
            warm.map_err(|source| EngineError::Compute { row: "the warm-up".to_owned(), source })?;
        }
        Ok(())
    }

    /// Embeds texts that are in memory: vector `i` belongs to text `i`.
    ///
    /// # Errors
    /// A text cannot be tokenised or is too long where that is an error, or a session fails.
    pub fn embed<T: AsRef<str> + Sync>(&mut self, texts: &[T]) -> Result<Embeddings, EngineError> {
        if texts.len() <= INLINE_ROWS {
            return self.embed_inline(&Texts(texts));
        }
        let mut vectors = Embeddings::new();
        vectors.reset(texts.len(), self.dimensions());
        let mut source = Slices { rest: texts, rows: self.options.batching.window_rows };
        let mut sink = Collect { vectors, row: 0, texts: std::marker::PhantomData };
        match self.run(&mut source, &mut sink, &Silent, &Cancel::new()) {
            Ok(_) => Ok(sink.vectors),
            Err(RunError::Engine(error)) => Err(error),
            Err(RunError::Read(never) | RunError::Write(never)) => match never {},
        }
    }

    /// Embeds parts of a text, each read within all of it: vector `i` is pooled out of the tokens that begin in `spans[i]`,
    /// bytes of `text`. See [`TextEncoder::encode_parts`] for texts that are longer than the model.
    ///
    /// # Errors
    /// The text cannot be tokenised, a part is longer than the model, the text is and that is an error, or the session
    /// fails.
    pub fn embed_spans(&mut self, text: &str, spans: &[Range<usize>]) -> Result<Embeddings, EngineError> {
        self.embed_inline(&Spans { text, spans })
    }

    fn embed_inline<R: Rows>(&mut self, rows: &R) -> Result<Embeddings, EngineError> {
        let dimensions = self.dimensions();
        let sequences = self.tokenise().run(rows)?;
        let plan = Plan { sizing: &self.sizing, options: &self.options, layout: layout(&self.sessions) };
        let _at_work = plan.at_work(1);
        let lengths = sequences.lengths();
        let mut cutter = Cutter::new(&lengths);
        let mut vectors = Embeddings::new();
        vectors.reset(rows.len(), dimensions);
        plan.window();
        while let Some(cut) = plan.cut(&mut cutter) {
            let (sessions, reopen) = (&mut self.sessions, self.reopen.as_ref());
            let result = post::compute_anywhere((sessions, reopen), plan, (&sequences.list, &cut));
            let result = result.ok_or(EngineError::NoSession)?;
            let done = result.map_err(|failure| failure.into_error(rows, &sequences))?;
            if let Some((sequence, source)) = done.failed.into_iter().next() {
                return Err(EngineError::Compute { row: rows.name(sequences.first_row(sequence)), source });
            }
            for part in done.computed {
                let rows = sequences.rows(&part.sequences);
                scatter(self.options.finish, &part.vectors, &rows, &mut vectors);
            }
        }
        for (desk, session) in self.sessions.iter_mut().enumerate() {
            plan.idle((desk, session.as_mut()), Duration::ZERO);
        }
        Ok(vectors)
    }

    /// Embeds all that `source` gives and writes it to `sink`, window by window, in order.
    ///
    /// Reading, tokenising, computing and writing overlap; a few windows are in memory at a time. `progress` hears
    /// of rows as they are computed. Where the run ends with an error, `cancel` is set too, so that a source that
    /// waits for its input can stop waiting.
    ///
    /// # Errors
    /// The source, the sink or a session fails, a text cannot be embedded, or `cancel` was set.
    pub fn run<S: Source, K: Sink<Rows = S::Rows>>(
        &mut self,
        source: &mut S,
        sink: &mut K,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<RunStats, RunError<S::Error, K::Error>> {
        let dimensions = self.dimensions();
        let tokenise = Tokenise {
            encoder: &self.encoder,
            threads: self.options.threads,
            overflow: self.options.overflow,
        };
        let plan = Plan { sizing: &self.sizing, options: &self.options, layout: layout(&self.sessions) };
        let (sessions, reopen) = (&mut self.sessions, self.reopen.as_ref());
        let parts = Parts { sessions, reopen, tokenise, plan, finish: self.options.finish, dimensions };
        let result = flow::run(parts, source, sink, (progress, cancel));
        if let Sizing::Adaptive(controller) = &self.sizing {
            for (desk, session) in self.sessions.iter_mut().enumerate() {
                controller.rest(desk, session.as_mut());
            }
        }
        result
    }

    const fn tokenise(&self) -> Tokenise<'_> {
        Tokenise { encoder: &self.encoder, threads: self.options.threads, overflow: self.options.overflow }
    }
}

/// How the sessions of an engine lay batches out.
fn layout(sessions: &[Box<dyn Session>]) -> BatchLayout {
    sessions.first().map_or(BatchLayout::Packed, |session| session.capabilities().layout)
}

/// Texts in memory.
struct Texts<'a, T>(&'a [T]);

impl<T: AsRef<str> + Sync> Rows for Texts<'_, T> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn text(&self, row: usize) -> &str {
        self.0.get(row).map_or("", AsRef::as_ref)
    }

    fn name(&self, row: usize) -> String {
        format!("text {row}")
    }
}

/// Parts of a text in memory.
struct Spans<'a> {
    text: &'a str,
    spans: &'a [Range<usize>],
}

impl Rows for Spans<'_> {
    fn len(&self) -> usize {
        self.spans.len()
    }

    fn text(&self, row: usize) -> &str {
        self.spans.get(row).and_then(|span| self.text.get(span.clone())).unwrap_or_default()
    }

    fn name(&self, row: usize) -> String {
        format!("part {row}")
    }

    fn within(&self, row: usize) -> Option<Within<'_>> {
        let span = self.spans.get(row)?.clone();
        Some(Within { document: 0, text: self.text, span })
    }
}

/// Cuts texts in memory into windows.
struct Slices<'a, T> {
    rest: &'a [T],
    rows: NonZeroUsize,
}

impl<'a, T: AsRef<str> + Sync> Source for Slices<'a, T> {
    type Rows = Texts<'a, T>;
    type Error = Infallible;

    fn next_rows(&mut self) -> Result<Option<Self::Rows>, Infallible> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (window, rest) = self.rest.split_at(self.rest.len().min(self.rows.get()));
        self.rest = rest;
        Ok(Some(Texts(window)))
    }
}

/// Keeps all vectors.
struct Collect<'a, T> {
    vectors: Embeddings,
    row: usize,
    texts: std::marker::PhantomData<&'a T>,
}

impl<'a, T: AsRef<str> + Sync> Sink for Collect<'a, T> {
    type Rows = Texts<'a, T>;
    type Error = Infallible;

    fn write(&mut self, _rows: &Self::Rows, vectors: &Embeddings) -> Result<(), Infallible> {
        for vector in vectors.iter() {
            if let Some(place) = self.vectors.get_mut(self.row) {
                place.copy_from_slice(vector);
            }
            self.row += 1;
        }
        Ok(())
    }
}
