//! A session that does as it is told.

use std::io;
use std::thread;

use mbed_core::spec::EncoderSpec;
use mbed_core::{
    BackendError, Batch, Bytes, Capabilities, Embeddings, Precision, Session, SessionMemory, SpanSupport,
};

use super::backend::DEVICE;
use super::{DIMENSIONS, FakeLog, FakeOptions, Mishap, vector_of};

/// What it says that one token place takes up.
const BYTES_PER_PLACE: usize = 1024;

/// A session that does as it is told.
#[derive(Debug)]
pub(super) struct FakeSession {
    capabilities: Capabilities,
    vocabulary: usize,
    segments: usize,
    options: FakeOptions,
    log: FakeLog,
    number: usize,
}

impl FakeSession {
    pub(super) fn new(spec: &EncoderSpec, options: FakeOptions, log: FakeLog) -> Self {
        let mut capabilities =
            Capabilities::new(DEVICE, Precision::F32, DIMENSIONS, spec.position.max_tokens());
        capabilities.layout = options.layout;
        capabilities.spans = options.spans;
        let number = log.open();
        Self {
            capabilities,
            vocabulary: spec.vocabulary,
            segments: spec.embedding.segments,
            options,
            log,
            number,
        }
    }

    fn check(&self, batch: &Batch) -> Result<(), BackendError> {
        let limit = self.capabilities.max_tokens;
        let sequences = (0..batch.sequences()).filter_map(|index| Some((index, batch.sequence(index)?)));
        for (index, sequence) in sequences {
            let tokens = sequence.ids.len();
            if tokens > limit {
                return Err(BackendError::SequenceTooLong { sequence: index, tokens, limit });
            }
            check_table("token id", sequence.ids, self.vocabulary, index)?;
            check_table("type id", sequence.type_ids, self.segments, index)?;
        }
        if self.capabilities.spans == SpanSupport::WholeSequence && !pools_whole_sequences(batch) {
            return Err(BackendError::SpansUnsupported { device: DEVICE });
        }
        Ok(())
    }

    fn allocate(&self, batch: &Batch) -> Result<(), BackendError> {
        let places = self.capabilities.layout.places(batch.sequences(), batch.tokens(), batch.longest());
        match self.options.capacity {
            Some(capacity) if places > capacity => Err(out_of_memory(places, Some(capacity))),
            _ => Ok(()),
        }
    }
}

impl Session for FakeSession {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn embed(&mut self, batch: &Batch, output: &mut Embeddings) -> Result<(), BackendError> {
        let call = self.log.call(self.number, batch);
        if let Some(hook) = &self.options.hook {
            hook.call(batch);
        }
        if !self.options.delay.is_zero() {
            thread::sleep(self.options.delay);
        }
        self.check(batch)?;
        self.allocate(batch)?;
        let mishap = self.options.mishaps.iter().find(|(at, _)| *at == call).map(|(_, mishap)| *mishap);
        let (rows, dimensions) = shape(mishap, batch)?;
        output.reset(rows, dimensions);
        for (row, span) in batch.spans().iter().enumerate() {
            let ids = batch.sequence(span.sequence()).map(|sequence| sequence.ids).unwrap_or_default();
            let vector = vector_of(ids, span.tokens());
            if let Some(place) = output.get_mut(row) {
                place.copy_from_slice(&vector[..dimensions]);
            }
        }
        Ok(())
    }

    fn memory(&self) -> SessionMemory {
        let workspace = self.options.capacity.map(|places| Bytes::from(places * BYTES_PER_PLACE));
        SessionMemory { weights: Some(Bytes::new(0)), workspace }
    }

    fn trim(&mut self) {
        self.log.trim();
    }
}

/// Rows and dimensions of the result.
#[expect(clippy::panic, reason = "a session that panics is one of the things that users of sessions survive")]
fn shape(mishap: Option<Mishap>, batch: &Batch) -> Result<(usize, usize), BackendError> {
    let rows = batch.rows();
    let told = || Box::new(io::Error::other("the test wants it so"));
    match mishap {
        None => Ok((rows, DIMENSIONS)),
        Some(Mishap::MissingRow) => Ok((rows.saturating_sub(1), DIMENSIONS)),
        Some(Mishap::ExtraRow) => Ok((rows + 1, DIMENSIONS)),
        Some(Mishap::ShortVectors) => Ok((rows, DIMENSIONS - 1)),
        Some(Mishap::OutOfMemory) => Err(out_of_memory(batch.tokens(), None)),
        Some(Mishap::Failed) => Err(BackendError::Failed { device: DEVICE, source: told() }),
        Some(Mishap::DeviceLost) => Err(BackendError::DeviceLost { device: DEVICE, source: told() }),
        Some(Mishap::Panic) => panic!("the test wants it so"),
    }
}

fn out_of_memory(places: usize, capacity: Option<usize>) -> BackendError {
    let bytes = |places: usize| Bytes::from(places * BYTES_PER_PLACE);
    BackendError::OutOfMemory { device: DEVICE, requested: bytes(places), free: capacity.map(bytes) }
}

fn check_table(
    kind: &'static str,
    values: &[u32],
    limit: usize,
    sequence: usize,
) -> Result<(), BackendError> {
    match values.iter().find(|&&value| value as usize >= limit) {
        Some(&value) => Err(BackendError::TokenOutOfRange { kind, value, limit, sequence }),
        None => Ok(()),
    }
}

/// Whether there is one row a sequence, in order, over the whole of it.
fn pools_whole_sequences(batch: &Batch) -> bool {
    let whole = |(index, span): (usize, &mbed_core::Span)| {
        let length = batch.range(index).map_or(0, |range| range.len());
        span.sequence() == index && *span.tokens() == (0..length)
    };
    batch.rows() == batch.sequences() && batch.spans().iter().enumerate().all(whole)
}
