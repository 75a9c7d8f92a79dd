//! How an engine begins to size its own batches: what the architecture says, and what earlier runs have learned.

use mbed_core::settings::MemorySettings;
use mbed_core::{Capabilities, ModelSource};
use mbed_engine::Engine;
use mbed_engine::memory::{CostModel, MemoryOptions, ProfileKey};
use mbed_model::Model;

use crate::embedder::Remembers;
use crate::{Context, Embedder, Error};

/// Makes `engine` size its batches for `model`, which people call `name`.
pub(crate) fn begin(
    engine: Engine,
    (model, name): (&Model, &str),
    settings: &MemorySettings,
    context: &Context<'_>,
) -> Result<Embedder, Error> {
    let Some(capabilities) = engine.capabilities() else { return Ok(Embedder::new(engine, None)) };
    let mut options = MemoryOptions::new(*settings, cost(model, capabilities), model.parameters());
    options.ledgers = context.ledgers.clone();
    let remembers =
        context.profiles.clone().map(|store| Remembers { store, key: key(model, name, capabilities) });
    if let Some(profile) = remembers.as_ref().and_then(|kept| kept.store.load(&kept.key)) {
        let tokens = profile.learnt.tokens;
        tracing::info!(
            tokens,
            measurements = profile.learnt.cost.measurements(),
            "a profile of earlier runs is used"
        );
        options.learnt = Some(profile.learnt);
    }
    Ok(Embedder::new(engine.with_memory(options)?, remembers))
}

fn cost(model: &Model, capabilities: &Capabilities) -> CostModel {
    match &model.source {
        ModelSource::Spec { spec, .. } => CostModel::new(spec, capabilities),
        _ => CostModel::of_sizes(model.hidden(), capabilities.dimensions),
    }
}

fn key(model: &Model, name: &str, capabilities: &Capabilities) -> ProfileKey {
    ProfileKey {
        fingerprint: model.fingerprint(),
        model: name.to_owned(),
        backend: capabilities.device.backend.to_string(),
        device: capabilities.device_name.clone(),
        precision: capabilities.precision.to_string(),
    }
}
