//! ModernBERT: norms before, layers that look near and far in turn, a rotation for each of the two kinds.

use std::sync::Arc;

use mbed_core::spec::{
    AttentionSpec, Bias, EmbeddingSpec, EncoderSpec, FeedForwardSpec, HeadSpec, LayerSpec, LayerTensor,
    NormKind, NormPlacement, NormSpec, Part, PositionSpec, Presence, Reach, RotarySpec, TensorName,
};

use super::ConfigFile;
use super::families::Family;
use super::names::{Half, Place, at, half, of_qkv};
use super::rotary;
use crate::ModelError;

pub(super) const FAMILY: Family =
    Family { model_types: &["modernbert"], claims: |_| true, spec, places, prefixes: &["", "model."] };

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    let (hidden, heads) = (config.size("hidden_size")?, config.size("num_attention_heads")?);
    let head_size = config.head_size(hidden, heads)?;
    let attention_bias = config.bias("attention_bias", Bias::Absent);
    let mlp_bias = config.bias("mlp_bias", Bias::Absent);
    Ok(EncoderSpec {
        family: "modernbert".to_owned(),
        vocabulary: config.size("vocab_size")?,
        hidden,
        embedding: EmbeddingSpec { norm: Presence::Present, ..EmbeddingSpec::plain(hidden) },
        position: PositionSpec::NotAdded { max_tokens: config.size("max_position_embeddings")? },
        attention: AttentionSpec {
            input_bias: attention_bias,
            output_bias: attention_bias,
            ..AttentionSpec::plain(heads, head_size)
        },
        feed_forward: FeedForwardSpec {
            intermediate: config.size("intermediate_size")?,
            activation: config.activation("hidden_activation", "gelu")?,
            gate: Presence::Present,
            input_bias: mlp_bias,
            output_bias: mlp_bias,
        },
        norm: NormSpec {
            kind: NormKind::Layer,
            epsilon: config.epsilon("norm_eps", 1e-5)?,
            bias: config.bias("norm_bias", Bias::Absent),
            scale_offset: 0.0,
            placement: NormPlacement::Before,
            last: Presence::Present,
        },
        layers: layers(config, head_size)?,
        head,
    })
}

fn layers(config: &ConfigFile, head_size: usize) -> Result<Vec<LayerSpec>, ModelError> {
    let far_base = config.positive("global_rope_theta", 160_000.0)?;
    let near_base = config.positive("local_rope_theta", 10_000.0)?;
    let far = rotary::read_kind(config, "full_attention", head_size, far_base)?;
    let near = rotary::read_kind(config, "sliding_attention", head_size, near_base)?;
    let distance = config.optional_size("local_attention")?.unwrap_or(128) / 2;
    let every = config.optional_size("global_attn_every_n_layers")?.unwrap_or(3);
    let kinds = config.layer_kinds("num_hidden_layers", |layer| layer % every != 0)?;
    let layer = |(index, is_near): (usize, bool)| {
        // The embeddings were just normalised.
        let attention_norm = if index == 0 { Presence::Absent } else { Presence::Present };
        let (reach, rotary): (Reach, &Arc<RotarySpec>) =
            if is_near { (Reach::within(distance), &near) } else { (Reach::ALL, &far) };
        LayerSpec { reach, rotary: Some(Arc::clone(rotary)), attention_norm }
    };
    Ok(kinds.into_iter().enumerate().map(layer).collect())
}

fn places(name: TensorName, spec: &EncoderSpec) -> Vec<Place> {
    match name {
        TensorName::TokenEmbedding => at("embeddings.tok_embeddings.weight"),
        TensorName::EmbeddingNorm(part) => at(format!("embeddings.norm.{part}")),
        TensorName::LastNorm(part) => at(format!("final_norm.{part}")),
        TensorName::Layer(layer, tensor, part) => layer_places(layer, tensor, part, spec),
        _ => Vec::new(),
    }
}

fn layer_places(layer: usize, tensor: LayerTensor, part: Part, spec: &EncoderSpec) -> Vec<Place> {
    let name = |place: &str| format!("layers.{layer}.{place}.{part}");
    let intermediate = spec.feed_forward.intermediate;
    match tensor {
        LayerTensor::Query | LayerTensor::Key | LayerTensor::Value => {
            of_qkv(name("attn.Wqkv"), tensor, &spec.attention)
        }
        LayerTensor::AttentionOutput => at(name("attn.Wo")),
        LayerTensor::AttentionNorm => at(name("attn_norm")),
        LayerTensor::Gate => half(name("mlp.Wi"), Half::First, intermediate),
        LayerTensor::Up => half(name("mlp.Wi"), Half::Second, intermediate),
        LayerTensor::Down => at(name("mlp.Wo")),
        LayerTensor::FeedForwardNorm => at(name("mlp_norm")),
        _ => Vec::new(),
    }
}
