//! The short way from texts to vectors.

use mbed_core::settings::{ModelSettings, Settings};
use mbed_core::{Capabilities, Embeddings, Progress};
use mbed_engine::{Cancel, Engine, RunError, RunStats, Sink, Source};

use crate::{Context, Error, open};

/// An open model that embeds texts.
#[derive(Debug)]
pub struct Embedder {
    engine: Engine,
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

    pub(crate) const fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// The engine below, for those that run it themselves.
    pub const fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
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
