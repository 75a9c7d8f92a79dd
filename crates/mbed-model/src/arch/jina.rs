//! Jina embeddings v2: BERT with score biases that fall with the distance, and a gated feed-forward.

use mbed_core::spec::{
    Bias, EncoderSpec, HeadSpec, LayerTensor, Part, PositionSpec, Presence, ScoreBias, TensorName,
};

use super::ConfigFile;
use super::bert;
use super::families::Family;
use super::names::{Half, Place, at, half};
use crate::ModelError;

/// Its `model_type` is BERT's own.
pub(super) const FAMILY: Family = Family {
    model_types: &["bert"],
    claims: |config| config.mentions(&["position_embedding_type"], "alibi"),
    spec,
    places,
    prefixes: &["", "bert."],
};

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    let origin = ["_name_or_path", "auto_map"];
    if let Some(key) = origin.into_iter().find(|key| config.mentions(&[key], "qk-post-norm")) {
        return Err(
            config.refuse(key, "`jinaai/jina-bert-implementation`; of this one mbed lacks the layers")
        );
    }
    let position = PositionSpec::NotAdded { max_tokens: config.size("max_position_embeddings")? };
    let mut spec = bert::encoder(config, head, position)?;
    spec.attention.score_bias = ScoreBias::Alibi;
    spec.feed_forward.activation = match config.text_or("feed_forward_type", "original")? {
        "geglu" => "gelu",
        "reglu" => "relu",
        _ => return Err(config.refuse("feed_forward_type", "`geglu` or `reglu`")),
    }
    .parse()
    .map_err(|_unknown| config.refuse("feed_forward_type", "`geglu` or `reglu`"))?;
    spec.feed_forward.gate = Presence::Present;
    spec.feed_forward.input_bias = Bias::Absent;
    Ok(spec)
}

fn places(name: TensorName, spec: &EncoderSpec) -> Vec<Place> {
    match name {
        TensorName::Layer(layer, tensor, part) => layer_places(layer, tensor, part, spec),
        _ => bert::places(name),
    }
}

fn layer_places(layer: usize, tensor: LayerTensor, part: Part, spec: &EncoderSpec) -> Vec<Place> {
    let name = |place: &str| format!("encoder.layer.{layer}.mlp.{place}.{part}");
    let intermediate = spec.feed_forward.intermediate;
    match tensor {
        LayerTensor::Gate => half(name("gated_layers"), Half::First, intermediate),
        LayerTensor::Up => half(name("gated_layers"), Half::Second, intermediate),
        LayerTensor::Down => at(name("wo")),
        LayerTensor::FeedForwardNorm => at(name("layernorm")),
        _ => bert::places(TensorName::Layer(layer, tensor, part)),
    }
}
