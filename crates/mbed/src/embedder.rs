//! The short way from texts to vectors.

use std::ops::Range;
use std::path::PathBuf;

use mbed_core::settings::{ModelSettings, Settings};
use mbed_core::{Bytes, Capabilities, Embeddings, Progress, StageTime};
use mbed_engine::memory::{CostModel, CurvePoint, Learnt, MemoryReport, ProfileKey, ProfileStore, Reading};
use mbed_engine::{Cancel, Engine, RunError, RunStats, Sink, Source};

use crate::{Context, Error, open};

/// Fewer batches than this are noise.
const WORTH_KEEPING: u64 = 50;

/// An open model that embeds texts.
#[derive(Debug)]
pub struct Embedder {
    engine: Engine,
    remembers: Option<Remembers>,
}

/// Where an embedder keeps what it learns of memory and speed.
#[derive(Debug)]
pub(crate) struct Remembers {
    pub(crate) store: ProfileStore,
    pub(crate) key: ProfileKey,
}

impl Embedder {
    /// Opens a model with default settings: a folder, a name on the hub, or a short name such as `minilm`. It is
    /// fetched where it is not on this machine yet.
    ///
    /// # Errors
    /// The model cannot be found, fetched, read or opened.
    pub fn open(model: &str) -> Result<Self, Error> {
        let settings = Settings {
            model: ModelSettings { id: model.to_owned(), ..ModelSettings::default() },
            ..Settings::default()
        };
        Ok(open(&settings, &Context::from_environment()?)?.embedder)
    }

    pub(crate) const fn new(engine: Engine, remembers: Option<Remembers>) -> Self {
        Self { engine, remembers }
    }

    /// What sizing batches came to so far; `None` where `memory.adapt` is off.
    #[must_use]
    pub fn memory_report(&self) -> Option<MemoryReport> {
        self.engine.memory_report()
    }

    /// What a batch needs as far as that is known, what batches may take now, and what that rests on. The budget is
    /// `None` where nobody tells how much memory there is, all where `memory.adapt` is off.
    #[must_use]
    pub fn memory_budget(&self) -> Option<(CostModel, Option<(Bytes, Reading)>)> {
        Some((self.engine.cost()?, self.engine.budget()))
    }

    /// Keeps what was learned for later runs, where enough batches were measured. Gives the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn remember(&self) -> Result<Option<PathBuf>, Error> {
        let (Some(kept), Some(learnt)) = (&self.remembers, self.engine.learnt()) else { return Ok(None) };
        let measured: u64 = learnt.curve.iter().map(|point| point.batches).sum();
        if measured < WORTH_KEEPING {
            return Ok(None);
        }
        Ok(Some(kept.store.save(&kept.key, learnt)?))
    }

    /// Keeps for later runs that batches of `tokens` are the fastest, as was measured elsewhere, with what was learned of
    /// memory here. Gives the file, or `None` where nothing is kept.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, tokens: usize, curve: Vec<CurvePoint>) -> Result<Option<PathBuf>, Error> {
        let (Some(kept), Some(learnt)) = (&self.remembers, self.engine.learnt()) else { return Ok(None) };
        Ok(Some(kept.store.save(&kept.key, Learnt { tokens, curve, ..learnt })?))
    }

    /// The engine below, for those that run it themselves.
    pub const fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Measures from now on what the stages of the forward pass take.
    pub fn profile(&mut self) {
        self.engine.profile();
    }

    /// What the stages of the forward pass took since [`Embedder::profile`], over all threads; empty where the backend
    /// cannot tell.
    #[must_use]
    pub fn stages(&self) -> Vec<StageTime> {
        self.engine.stages()
    }

    /// The length of its vectors.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.engine.dimensions()
    }

    /// What the session below can do: device, precision, limits.
    #[must_use]
    pub fn capabilities(&self) -> Option<&Capabilities> {
        self.engine.capabilities()
    }

    /// The prompt that is put before each text, empty for none.
    #[must_use]
    pub fn prompt(&self) -> &str {
        self.engine.encoder().prompt()
    }

    /// The most tokens of one text, special tokens and prompt included.
    #[must_use]
    pub const fn max_tokens(&self) -> usize {
        self.engine.encoder().max_tokens()
    }

    /// Embeds texts: row `i` of the result belongs to text `i`.
    ///
    /// # Errors
    /// A text is too long where that is an error, or the backend fails.
    pub fn embed<T: AsRef<str> + Sync>(&mut self, texts: &[T]) -> Result<Embeddings, Error> {
        Ok(self.engine.embed(texts)?)
    }

    /// Embeds parts of a text, each read within all of it, which is called late chunking: vector `i` is pooled out of the
    /// tokens that begin in `spans[i]`, a range of bytes of `text`. See
    /// [`Engine::embed_spans`](mbed_engine::Engine::embed_spans), and [`Opened::check_spans`](crate::Opened::check_spans)
    /// for whether the model is made for that.
    ///
    /// # Errors
    /// A part is longer than the model, the text is and that is an error, or the backend fails.
    pub fn embed_spans(&mut self, text: &str, spans: &[Range<usize>]) -> Result<Embeddings, Error> {
        Ok(self.engine.embed_spans(text, spans)?)
    }

    /// Embeds all that `source` gives and writes it to `sink`, in order, in bounded memory. See
    /// [`Engine::run`](mbed_engine::Engine::run).
    ///
    /// # Errors
    /// The source, the sink or the backend fails, a text cannot be embedded, or `cancel` was set.
    pub fn run<S: Source, K: Sink<Rows = S::Rows>>(
        &mut self,
        source: &mut S,
        sink: &mut K,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<RunStats, RunError<S::Error, K::Error>> {
        self.engine.run(source, sink, progress, cancel)
    }
}
