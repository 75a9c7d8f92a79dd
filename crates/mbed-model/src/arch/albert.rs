//! ALBERT: short embeddings, and one set of weights for all layers.

use mbed_core::spec::{Bias, EncoderSpec, HeadSpec, LayerTensor, Part, PositionSpec, TensorName};

use super::ConfigFile;
use super::bert;
use super::families::Family;
use super::names::{Place, at};
use crate::ModelError;

pub(super) const FAMILY: Family = Family {
    model_types: &["albert"],
    claims: |_| true,
    spec,
    places: |name, _| places(name),
    prefixes: &["", "albert."],
};

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    config.only("position_embedding_type", "absolute")?;
    config.only("num_hidden_groups", "1")?;
    config.only("inner_group_num", "1")?;
    let positions = PositionSpec::learned(config.size("max_position_embeddings")?);
    let mut spec = bert::encoder(config, head, positions)?;
    spec.feed_forward.activation = config.activation("hidden_act", "gelu_new")?;
    spec.embedding.width = config.optional_size("embedding_size")?.unwrap_or(128);
    spec.embedding.projection = Some(Bias::Added);
    Ok(spec)
}

fn places(name: TensorName) -> Vec<Place> {
    match name {
        TensorName::EmbeddingProjection(part) => at(format!("encoder.embedding_hidden_mapping_in.{part}")),
        TensorName::Layer(_, tensor, part) => shared_places(tensor, part),
        _ => bert::places(name),
    }
}

fn shared_places(tensor: LayerTensor, part: Part) -> Vec<Place> {
    let place = match tensor {
        LayerTensor::Query => "attention.query",
        LayerTensor::Key => "attention.key",
        LayerTensor::Value => "attention.value",
        LayerTensor::AttentionOutput => "attention.dense",
        LayerTensor::AttentionNorm => "attention.LayerNorm",
        LayerTensor::Up => "ffn",
        LayerTensor::Down => "ffn_output",
        LayerTensor::FeedForwardNorm => "full_layer_layer_norm",
        _ => return Vec::new(),
    };
    at(format!("encoder.albert_layer_groups.0.albert_layers.0.{place}.{part}"))
}
