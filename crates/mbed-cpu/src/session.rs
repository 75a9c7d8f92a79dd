//! A model on the processor.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use mbed_core::spec::EncoderSpec;
use mbed_core::{
    BackendError, Batch, Bytes, Capabilities, Embeddings, Precision, Session, SessionMemory, StageTime, Token,
};
use mbed_kernels::peak::{self, Product};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::clock::{Stage, Times};
use crate::encoder::Encoder;
use crate::failure::{self, DEVICE};
use crate::parts::{self, PartOfBatch};
use crate::scratch::Scratch;

/// A model on the processor.
#[derive(Debug)]
pub(crate) struct CpuSession {
    capabilities: Capabilities,
    encoder: Encoder,
    pool: ThreadPool,
    /// Scratch of threads that are not at work.
    idle: Mutex<Vec<Scratch>>,
    profile: Option<Profile>,
    weights: Bytes,
}

/// What stages took so far, and the operations a second that one thread reaches, where that can be measured.
#[derive(Debug)]
struct Profile {
    times: Mutex<Times>,
    peak: Option<f64>,
}

impl CpuSession {
    pub(crate) fn new(encoder: Encoder, threads: NonZeroUsize, name: String) -> Result<Self, BackendError> {
        let spec = &encoder.spec;
        let dimensions = spec.dimensions();
        let mut capabilities =
            Capabilities::new(DEVICE, encoder.precision, dimensions, spec.position.max_tokens());
        capabilities.device_name = name;
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .thread_name(|index| format!("mbed-cpu-{index}"))
            .build()
            .map_err(|source| BackendError::Failed { device: DEVICE, source: Box::new(source) })?;
        let weights = Bytes::from(encoder.bytes());
        Ok(Self { capabilities, encoder, pool, idle: Mutex::default(), profile: None, weights })
    }

    fn run_part(&self, batch: &Batch, part: &PartOfBatch) -> Result<Vec<f32>, BackendError> {
        let mut scratch = self.idle_scratch().pop().unwrap_or_default();
        if self.profile.is_some() {
            scratch.clock.start();
        }
        let result = self.run_with(batch, part, &mut scratch);
        let times = scratch.clock.stop();
        if let Some(profile) = &self.profile {
            profile.times.lock().unwrap_or_else(PoisonError::into_inner).add(&times);
        }
        self.idle_scratch().push(scratch);
        result
    }

    /// The vectors of the part's rows, in the order of `part.rows`.
    fn run_with(
        &self,
        batch: &Batch,
        part: &PartOfBatch,
        scratch: &mut Scratch,
    ) -> Result<Vec<f32>, BackendError> {
        self.encoder.run(batch, part, scratch)?;
        let hidden = self.encoder.spec.hidden;
        let dimensions = self.capabilities.dimensions;
        let mut starts = Vec::with_capacity(part.lengths.len());
        let mut start = 0;
        for &length in &part.lengths {
            starts.push(start);
            start += length;
        }
        let mut vectors = failure::zeros(part.rows.len() * dimensions)?;
        for ((_, sequence, span), vector) in part.rows.iter().zip(vectors.chunks_exact_mut(dimensions)) {
            let first = starts[*sequence];
            let states = &scratch.hidden[first * hidden..(first + part.lengths[*sequence]) * hidden];
            self.encoder.head.run(states, span, vector)?;
        }
        scratch.clock.mark(Stage::Pool, 0);
        Ok(vectors)
    }

    fn idle_scratch(&self) -> std::sync::MutexGuard<'_, Vec<Scratch>> {
        // Scratch holds nothing that a panic elsewhere could have left half done.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session for CpuSession {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn embed(&mut self, batch: &Batch, output: &mut Embeddings) -> Result<(), BackendError> {
        check(batch, &self.encoder.spec)?;
        let parts = parts::split(batch, self.pool.current_num_threads());
        let this = &*self;
        let results: Result<Vec<Vec<f32>>, BackendError> =
            this.pool.install(|| parts.par_iter().map(|part| this.run_part(batch, part)).collect());
        let results = results?;
        output.reset(batch.rows(), self.capabilities.dimensions);
        for (part, vectors) in parts.iter().zip(&results) {
            for ((row, ..), vector) in
                part.rows.iter().zip(vectors.chunks_exact(self.capabilities.dimensions))
            {
                if let Some(place) = output.get_mut(*row) {
                    place.copy_from_slice(vector);
                }
            }
        }
        Ok(())
    }

    /// Runs one short sequence on every thread, so that stacks, scratch and the pages of the weights are there.
    fn warm_up(&mut self) -> Result<(), BackendError> {
        let mut batch = Batch::new();
        for _ in 0..self.pool.current_num_threads() {
            batch.push(&[Token { id: 0, type_id: 0 }]);
        }
        self.embed(&batch, &mut Embeddings::new())
    }

    fn profile(&mut self) {
        let kind = kind(self.encoder.precision);
        let peak = kind.map(|kind| peak::operations_a_second(self.encoder.isa, kind));
        self.profile = Some(Profile { times: Mutex::default(), peak });
    }

    fn stages(&self) -> Vec<StageTime> {
        let Some(Profile { times, peak }) = &self.profile else { return Vec::new() };
        times.lock().unwrap_or_else(PoisonError::into_inner).stages(*peak)
    }

    fn memory(&self) -> SessionMemory {
        let workspace: usize = self.idle_scratch().iter().map(Scratch::bytes).sum();
        SessionMemory { weights: Some(self.weights), workspace: Some(Bytes::from(workspace)) }
    }

    fn trim(&mut self) {
        self.idle_scratch().clear();
    }
}

/// The products that most of the time goes to.
const fn kind(precision: Precision) -> Option<Product> {
    match precision {
        Precision::F32 => Some(Product::F32),
        Precision::Bf16 => Some(Product::Bf16),
        _ => None,
    }
}

/// Proves that every token has a row in the tables.
fn check(batch: &Batch, spec: &EncoderSpec) -> Result<(), BackendError> {
    let limit = spec.position.max_tokens();
    for index in 0..batch.sequences() {
        let Some(sequence) = batch.sequence(index) else { continue };
        if sequence.ids.len() > limit {
            return Err(BackendError::SequenceTooLong { sequence: index, tokens: sequence.ids.len(), limit });
        }
        // Where there are no segments, the first is the only one that makes sense.
        let segments = spec.embedding.segments.max(1);
        let tables = [("token id", sequence.ids, spec.vocabulary), ("type id", sequence.type_ids, segments)];
        for (kind, values, limit) in tables {
            if let Some(&value) = values.iter().find(|&&value| value as usize >= limit) {
                return Err(BackendError::TokenOutOfRange { kind, value, limit, sequence: index });
            }
        }
    }
    Ok(())
}
