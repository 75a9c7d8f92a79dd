//! What a case is run on.

use std::num::NonZeroUsize;
use std::sync::Arc;

use mbed_core::settings::PromptChoice;
use mbed_core::{
    Backend, BatchInvariance, Capabilities, Embeddings, ModelSource, OpenRequest, Precision, PrecisionChoice,
    Session, Token,
};
use mbed_text::Encoded;

use crate::models::ModelFolder;
use crate::{Failure, Tolerance, fake};

/// One backend on one device in one precision with one model.
#[derive(Clone)]
pub struct Bench {
    /// The backend.
    pub backend: Arc<dyn Backend>,
    /// The number of its device.
    pub device: u32,
    /// The precision.
    pub precision: Precision,
    /// The model.
    pub source: ModelSource,
    /// Rows of the model's token table.
    pub vocabulary: usize,
    /// Texts of all kinds, as tokens of the model.
    pub sequences: Vec<Vec<Token>>,
    /// How vectors are told without the backend.
    pub truth: Truth,
    /// How near vectors must be to the truth.
    pub tolerance: Tolerance,
    /// The most token places of a batch that fits, for a backend that can be told so.
    pub capacity: Option<usize>,
    /// Known vectors, without a prompt and with one.
    pub goldens: Goldens,
}

/// How the vectors of a bench are told without the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// The states of single tokens are the session's own, what the head does with them is computed here.
    States,
    /// The fake's formula.
    Formula,
}

/// Tokens of texts, and the vectors that belong to them.
#[derive(Clone, Debug)]
pub struct KnownVectors {
    /// The texts as tokens.
    pub encoded: Vec<Encoded>,
    /// A vector for each.
    pub vectors: Embeddings,
}

/// Known vectors of a bench.
#[derive(Clone, Debug, Default)]
pub struct Goldens {
    /// Without a prompt.
    pub plain: Option<KnownVectors>,
    /// With one.
    pub prompted: Option<KnownVectors>,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench")
            .field("backend", &self.backend.name())
            .field("device", &self.device)
            .field("precision", &self.precision)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Bench {
    /// A backend with a model from disk and its known vectors.
    ///
    /// # Errors
    /// The model cannot be read, or no tolerance was agreed for the backend in this precision.
    pub fn of_model(
        backend: Arc<dyn Backend>,
        device: u32,
        precision: Precision,
        folder: &ModelFolder,
    ) -> Result<Self, Failure> {
        let tolerance = agreed(backend.as_ref(), precision)?;
        let model = folder.load()?;
        let no_prompt = PromptChoice::Text(String::new());
        let plain = KnownVectors { encoded: model.encode(no_prompt)?, vectors: model.golden.vectors.clone() };
        let prompted = match model.golden.prompted.clone() {
            Some((name, vectors)) => {
                Some(KnownVectors { encoded: model.encode(PromptChoice::Named(name))?, vectors })
            }
            None => None,
        };
        Ok(Self {
            sequences: model.sequences()?,
            vocabulary: model.text.vocabulary,
            source: model.source,
            truth: Truth::States,
            capacity: None,
            goldens: Goldens { plain: Some(plain), prompted },
            backend,
            device,
            precision,
            tolerance,
        })
    }

    /// The fake backend with sequences of its own.
    ///
    /// # Errors
    /// No tolerance was agreed for the fake.
    pub fn of_fake(options: fake::FakeOptions) -> Result<Self, Failure> {
        let capacity = options.capacity;
        let backend = Arc::new(fake::FakeBackend::new(options));
        let tolerance = agreed(backend.as_ref(), Precision::F32)?;
        let sequence = |length: u32| (0..length).map(move |place| 3 + length * 13 + place * 7);
        let tokens = |length| sequence(length).map(|id| Token { id, type_id: id % 2 }).collect();
        Ok(Self {
            sequences: [9, 1, 30, 4, 17, 2, 4].into_iter().map(tokens).collect(),
            vocabulary: fake::VOCABULARY,
            source: fake::source(),
            truth: Truth::Formula,
            goldens: Goldens::default(),
            device: 0,
            precision: Precision::F32,
            backend,
            tolerance,
            capacity,
        })
    }

    /// What opens a session here.
    #[must_use]
    pub fn request(&self) -> OpenRequest {
        OpenRequest::new(self.source.clone())
            .with_device(Some(self.device))
            .with_precision(PrecisionChoice::Exactly(self.precision))
    }

    /// Opens a session.
    ///
    /// # Errors
    /// The backend refuses.
    pub fn open(&self) -> Result<Box<dyn Session>, Failure> {
        self.backend.open(self.request()).map_err(|error| Failure::from(error).during("opening a session"))
    }

    /// Opens a session that computes with so many threads.
    ///
    /// # Errors
    /// The backend refuses.
    pub fn open_with_threads(&self, threads: NonZeroUsize) -> Result<Box<dyn Session>, Failure> {
        let request = self.request().with_threads(Some(threads));
        self.backend.open(request).map_err(|error| Failure::from(error).during("opening a session"))
    }

    /// Proves that two results of the same rows are the same, as far as `capabilities` promise.
    ///
    /// # Errors
    /// They are not.
    pub fn same(
        &self,
        capabilities: &Capabilities,
        got: &Embeddings,
        expected: &Embeddings,
    ) -> Result<(), Failure> {
        // First: it also finds what is not a number, and names the place.
        self.tolerance.check(got, expected)?;
        if capabilities.invariance == BatchInvariance::WithinTolerance {
            return Ok(());
        }
        let pairs = got.values().iter().zip(expected.values());
        let differing = pairs.enumerate().find(|(_, (got, expected))| got.to_bits() != expected.to_bits());
        let Some((place, (got, expected))) = differing else { return Ok(()) };
        let (row, column) = (place / capabilities.dimensions, place % capabilities.dimensions);
        Err(Failure::new(format!(
            "row {row}, column {column} is {got:e}, was {expected:e}: the same bits are promised"
        )))
    }
}

fn agreed(backend: &dyn Backend, precision: Precision) -> Result<Tolerance, Failure> {
    let name = backend.name();
    Tolerance::agreed(name, precision)
        .ok_or_else(|| Failure::new(format!("no tolerance is agreed for `{name}` in `{precision}`")))
}
