//! BERT and what is built like it: MiniLM, BGE, E5, GTE v1, Snowflake Arctic, mxbai.

use mbed_core::spec::{
    AttentionSpec, EmbeddingSpec, EncoderSpec, FeedForwardSpec, HeadSpec, LayerSpec, LayerTensor, NormSpec,
    Part, PositionSpec, Presence, TensorName,
};

use super::ConfigFile;
use super::families::Family;
use super::names::{Place, at, norm};
use crate::ModelError;

pub(super) const FAMILY: Family = Family {
    model_types: &["bert"],
    claims: |_| true,
    spec,
    places: |name, _| places(name),
    prefixes: &["", "bert."],
};

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    config.only("position_embedding_type", "absolute")?;
    let positions = PositionSpec::learned(config.size("max_position_embeddings")?);
    encoder(config, head, positions)
}

/// The spec of an encoder whose configuration has BERT's keys.
pub(super) fn encoder(
    config: &ConfigFile,
    head: HeadSpec,
    position: PositionSpec,
) -> Result<EncoderSpec, ModelError> {
    // Both would let a token see only those before it.
    config.only("is_decoder", "false")?;
    config.only("add_cross_attention", "false")?;
    let hidden = config.size("hidden_size")?;
    let heads = config.size("num_attention_heads")?;
    let activation = config.activation("hidden_act", "gelu")?;
    Ok(EncoderSpec {
        family: config.model_type()?.to_owned(),
        vocabulary: config.size("vocab_size")?,
        hidden,
        embedding: EmbeddingSpec {
            segments: config.optional_size("type_vocab_size")?.unwrap_or(2),
            norm: Presence::Present,
            ..EmbeddingSpec::plain(hidden)
        },
        position,
        attention: AttentionSpec::plain(heads, config.head_size(hidden, heads)?),
        feed_forward: FeedForwardSpec::plain(config.size("intermediate_size")?, activation),
        norm: NormSpec::after(config.epsilon("layer_norm_eps", 1e-12)?),
        layers: vec![LayerSpec::PLAIN; config.layers("num_hidden_layers")?],
        head,
    })
}

pub(super) fn places(name: TensorName) -> Vec<Place> {
    match name {
        TensorName::TokenEmbedding => at("embeddings.word_embeddings.weight"),
        TensorName::PositionEmbedding => at("embeddings.position_embeddings.weight"),
        TensorName::SegmentEmbedding => at("embeddings.token_type_embeddings.weight"),
        TensorName::EmbeddingNorm(part) => norm("embeddings.LayerNorm", part),
        TensorName::Layer(layer, tensor, part) => layer_places(layer, tensor, part),
        _ => Vec::new(),
    }
}

fn layer_places(layer: usize, tensor: LayerTensor, part: Part) -> Vec<Place> {
    let place = match tensor {
        LayerTensor::Query => "attention.self.query",
        LayerTensor::Key => "attention.self.key",
        LayerTensor::Value => "attention.self.value",
        LayerTensor::AttentionOutput => "attention.output.dense",
        LayerTensor::AttentionNorm => "attention.output.LayerNorm",
        LayerTensor::Up => "intermediate.dense",
        LayerTensor::Down => "output.dense",
        LayerTensor::FeedForwardNorm => "output.LayerNorm",
        _ => return Vec::new(),
    };
    let name = format!("encoder.layer.{layer}.{place}");
    match tensor {
        LayerTensor::AttentionNorm | LayerTensor::FeedForwardNorm => norm(&name, part),
        _ => at(format!("{name}.{part}")),
    }
}
