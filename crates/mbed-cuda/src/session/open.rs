//! From an open device and a model to a session.

use std::sync::Arc;

use mbed_core::settings::GraphChoice;
use mbed_core::spec::{EncoderSpec, NormKind, NormPlacement, PositionSpec, RotaryPairing, ScoreBias};
use mbed_core::{
    BackendError, Batch, BatchInvariance, Bytes, Capabilities, DeviceMemory, Embeddings, Precision, Session,
    SessionMemory, Token, Weights,
};

use super::check::check;
use super::pipeline::Pipeline;
use super::slot::Pinning;
use crate::card::Card;
use crate::driver::Numbers;
use crate::failure::unsupported;
use crate::kernels::AttentionShape;
use crate::model::{LoadOptions, Model};

/// How a session works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionOptions {
    pub(crate) precision: Precision,
    pub(crate) numbers: Numbers,
    pub(crate) graphs: GraphChoice,
    pub(crate) pinning: Pinning,
    pub(crate) part_tokens: usize,
}

/// A model on a device.
#[derive(Debug)]
struct CudaSession {
    capabilities: Capabilities,
    pipeline: Pipeline,
}

/// Opens a session; weights that another one has open on this device are shared.
pub(crate) fn open(
    card: Arc<Card>,
    (spec, weights): (&EncoderSpec, &Arc<Weights>),
    options: SessionOptions,
) -> Result<Box<dyn Session>, BackendError> {
    check_kinds(spec, options.numbers)?;
    let SessionOptions { precision, numbers, pinning, .. } = options;
    let load = LoadOptions { numbers, staging: pinning.up() };
    let model =
        card.model(|model| model.is((spec, weights), numbers), || Model::load(&card, (spec, weights), load))?;
    let device = card.failures().device().clone();
    let mut capabilities =
        Capabilities::new(device, precision, spec.dimensions(), spec.position.max_tokens());
    capabilities.device_name.clone_from(&card.facts.name);
    // Products are computed in another order for other numbers of rows.
    capabilities.invariance = BatchInvariance::WithinTolerance;
    let pipeline = Pipeline::new(card, model, options)?;
    Ok(Box::new(CudaSession { capabilities, pipeline }))
}

impl Session for CudaSession {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn embed(&mut self, batch: &Batch, output: &mut Embeddings) -> Result<(), BackendError> {
        output.reset(batch.rows(), self.capabilities.dimensions);
        check(batch, &self.pipeline.model.spec)?;
        self.pipeline.run(batch, output)
    }

    /// Runs one token, so that kernels are compiled and memory is there.
    fn warm_up(&mut self) -> Result<(), BackendError> {
        let mut batch = Batch::new();
        batch.push(&[Token { id: 0, type_id: 0 }]);
        self.embed(&batch, &mut Embeddings::new())
    }

    fn memory(&self) -> SessionMemory {
        SessionMemory {
            weights: Some(Bytes::from(self.pipeline.model.bytes())),
            workspace: Some(Bytes::from(self.pipeline.bytes())),
        }
    }

    fn device_memory(&self) -> DeviceMemory {
        match self.pipeline.card.arena.memory() {
            Ok(memory) => {
                DeviceMemory::Own { total: Bytes::new(memory.total), free: Bytes::new(memory.free) }
            }
            Err(_) => DeviceMemory::Unknown,
        }
    }

    fn trim(&mut self) {
        self.pipeline.trim();
    }
}

/// Refuses what no kernel computes.
fn check_kinds(spec: &EncoderSpec, numbers: Numbers) -> Result<(), BackendError> {
    let is_known = matches!(spec.position, PositionSpec::Learned { .. } | PositionSpec::NotAdded { .. })
        && matches!(spec.norm.kind, NormKind::Layer | NormKind::Rms)
        && matches!(
            spec.norm.placement,
            NormPlacement::After | NormPlacement::Before | NormPlacement::Around
        )
        && matches!(
            spec.attention.score_bias,
            ScoreBias::None | ScoreBias::Alibi | ScoreBias::Buckets { .. }
        )
        && spec
            .layers
            .iter()
            .filter_map(|layer| layer.rotary.as_ref())
            .all(|rotary| matches!(rotary.pairing, RotaryPairing::Halves | RotaryPairing::Neighbours));
    if !is_known {
        return Err(unsupported(format!("it does not compute all that the family `{}` needs", spec.family)));
    }
    if spec.layers.is_empty() {
        return Ok(());
    }
    let longest = spec.position.max_tokens();
    let head_size = spec.attention.head_size;
    let shape = AttentionShape::choose(numbers.element(), head_size, longest);
    shape.map(|_shape| ()).map_err(|error| unsupported(format!("{error}")))
}
