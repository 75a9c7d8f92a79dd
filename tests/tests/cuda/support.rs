//! Sessions on a card that is not there.

use std::num::NonZeroUsize;
use std::sync::Arc;

use mbed_core::settings::{CudaSettings, GraphChoice};
use mbed_core::{
    Backend, BackendError, Batch, Embeddings, ModelSource, OpenRequest, Precision, PrecisionChoice, Session,
    Token,
};
use mbed_cuda::{CudaBackend, CudaOptions};
use mbed_tests::cuda::{EmulatedDriver, EmulatedOptions};
use mbed_tests::models;

/// A driver, and the backend on it.
pub(crate) struct World {
    pub(crate) driver: Arc<EmulatedDriver>,
    pub(crate) backend: CudaBackend,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(CudaOptions::default())
    }

    pub(crate) fn with(options: CudaOptions) -> Self {
        Self::of(EmulatedOptions::default(), options)
    }

    pub(crate) fn of(cards: EmulatedOptions, options: CudaOptions) -> Self {
        let driver = EmulatedDriver::new(cards);
        let backend = CudaBackend::with_driver(driver.clone(), options);
        Self { driver, backend }
    }

    pub(crate) fn open(&self, source: &ModelSource) -> Result<Box<dyn Session>, BackendError> {
        self.backend.open(request(source, Precision::F32))
    }
}

pub(crate) fn request(source: &ModelSource, precision: Precision) -> OpenRequest {
    OpenRequest::new(source.clone()).with_precision(PrecisionChoice::Exactly(precision))
}

/// Parts of so many tokens, and graphs as chosen.
pub(crate) fn options(part_tokens: usize, graphs: GraphChoice) -> CudaOptions {
    CudaOptions {
        part_tokens: NonZeroUsize::new(part_tokens).unwrap(),
        settings: CudaSettings { graphs, ..CudaSettings::default() },
        ..CudaOptions::default()
    }
}

/// The model of a fixture.
pub(crate) fn model(name: &str) -> ModelSource {
    models::fixture(name).unwrap().load().unwrap().source
}

/// A batch of texts of these lengths.
pub(crate) fn batch(lengths: &[usize]) -> Batch {
    let mut batch = Batch::new();
    for (number, &length) in lengths.iter().enumerate() {
        let id = |place: usize| u32::try_from((number * 7 + place * 3) % 50).unwrap();
        let tokens: Vec<Token> = (0..length).map(|place| Token { id: id(place), type_id: 0 }).collect();
        batch.push(&tokens);
    }
    batch
}

pub(crate) fn embed(session: &mut dyn Session, batch: &Batch) -> Result<Embeddings, BackendError> {
    let mut output = Embeddings::new();
    session.embed(batch, &mut output).map(|()| output)
}
