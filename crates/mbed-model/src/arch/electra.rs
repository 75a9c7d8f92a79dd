//! ELECTRA: BERT whose embeddings may be shorter than its states.

use mbed_core::spec::{Bias, EncoderSpec, HeadSpec, PositionSpec, TensorName};

use super::ConfigFile;
use super::bert;
use super::families::Family;
use super::names::{Place, at};
use crate::ModelError;

pub(super) const FAMILY: Family = Family {
    model_types: &["electra"],
    claims: |_| true,
    spec,
    places: |name, _| places(name),
    prefixes: &["", "electra."],
};

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    config.only("position_embedding_type", "absolute")?;
    let positions = PositionSpec::learned(config.size("max_position_embeddings")?);
    let mut spec = bert::encoder(config, head, positions)?;
    let width = config.optional_size("embedding_size")?.unwrap_or(128);
    if width != spec.hidden {
        spec.embedding.width = width;
        spec.embedding.projection = Some(Bias::Added);
    }
    Ok(spec)
}

fn places(name: TensorName) -> Vec<Place> {
    match name {
        TensorName::EmbeddingProjection(part) => at(format!("embeddings_project.{part}")),
        _ => bert::places(name),
    }
}
