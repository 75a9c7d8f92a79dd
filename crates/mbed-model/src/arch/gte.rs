//! The `new` architecture of the GTE models, also Snowflake Arctic m v2: rotation, gated feed-forward, norms after
//! the sums.

use mbed_core::spec::{
    AttentionSpec, Bias, EmbeddingSpec, EncoderSpec, FeedForwardSpec, HeadSpec, LayerSpec, LayerTensor,
    NormSpec, Part, PositionSpec, Presence, TensorName,
};

use super::ConfigFile;
use super::families::Family;
use super::names::{Half, Place, at, half, of_qkv};
use super::rotary;
use crate::ModelError;

pub(super) const FAMILY: Family =
    Family { model_types: &["new", "gte"], claims: |_| true, spec, places, prefixes: &["", "new."] };

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    config.only("position_embedding_type", "rope")?;
    config.only("layer_norm_type", "layer_norm")?;
    config.only("pack_qkv", "true")?;
    // Its scores would be scaled by the logarithm of the length.
    config.only("logn_attention_scale", "false")?;
    let (hidden, heads) = (config.size("hidden_size")?, config.size("num_attention_heads")?);
    let head_size = config.head_size(hidden, heads)?;
    let rotary = rotary::read(config, head_size, 10_000.0)?;
    Ok(EncoderSpec {
        family: config.model_type()?.to_owned(),
        vocabulary: config.size("vocab_size")?,
        hidden,
        embedding: EmbeddingSpec {
            segments: config.optional_number("type_vocab_size")?.unwrap_or(1),
            norm: Presence::Present,
            ..EmbeddingSpec::plain(hidden)
        },
        position: PositionSpec::NotAdded { max_tokens: config.size("max_position_embeddings")? },
        attention: AttentionSpec::plain(heads, head_size),
        feed_forward: FeedForwardSpec {
            gate: Presence::Present,
            input_bias: Bias::Absent,
            ..FeedForwardSpec::plain(
                config.size("intermediate_size")?,
                config.activation("hidden_act", "gelu")?,
            )
        },
        norm: NormSpec::after(config.epsilon("layer_norm_eps", 1e-12)?),
        layers: vec![
            LayerSpec { rotary: Some(rotary), ..LayerSpec::PLAIN };
            config.layers("num_hidden_layers")?
        ],
        head,
    })
}

fn places(name: TensorName, spec: &EncoderSpec) -> Vec<Place> {
    match name {
        TensorName::TokenEmbedding => at("embeddings.word_embeddings.weight"),
        TensorName::SegmentEmbedding => at("embeddings.token_type_embeddings.weight"),
        TensorName::EmbeddingNorm(part) => at(format!("embeddings.LayerNorm.{part}")),
        TensorName::Layer(layer, tensor, part) => layer_places(layer, tensor, part, spec),
        _ => Vec::new(),
    }
}

fn layer_places(layer: usize, tensor: LayerTensor, part: Part, spec: &EncoderSpec) -> Vec<Place> {
    let name = |place: &str| format!("encoder.layer.{layer}.{place}.{part}");
    let intermediate = spec.feed_forward.intermediate;
    match tensor {
        LayerTensor::Query | LayerTensor::Key | LayerTensor::Value => {
            of_qkv(name("attention.qkv_proj"), tensor, &spec.attention)
        }
        LayerTensor::AttentionOutput => at(name("attention.o_proj")),
        LayerTensor::AttentionNorm => at(name("attn_ln")),
        LayerTensor::Up => half(name("mlp.up_gate_proj"), Half::First, intermediate),
        LayerTensor::Gate => half(name("mlp.up_gate_proj"), Half::Second, intermediate),
        LayerTensor::Down => at(name("mlp.down_proj")),
        LayerTensor::FeedForwardNorm => at(name("mlp_ln")),
        _ => Vec::new(),
    }
}
