//! Gemma 3 and EmbeddingGemma: norms around, layers that look near and far in turn, a rotation for each.

use std::sync::Arc;

use mbed_core::spec::{
    AttentionSpec, Bias, EmbeddingSpec, EncoderSpec, FeedForwardSpec, HeadSpec, LayerSpec, LayerTensor,
    NormPlacement, NormSpec, PositionSpec, Presence, Reach, TensorName,
};

use super::ConfigFile;
use super::decoder;
use super::families::Family;
use super::names::{Place, at};
use super::rotary;
use crate::ModelError;

pub(super) const FAMILY: Family = Family {
    model_types: &["gemma3_text"],
    claims: |_| true,
    spec,
    places: |name, _| places(name),
    prefixes: &["", "model."],
};

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    config.only("attn_logit_softcapping", "null")?;
    let (hidden, heads) = (config.size("hidden_size")?, config.size("num_attention_heads")?);
    let head_size = config.optional_size("head_dim")?.unwrap_or(256);
    let bias = config.bias("attention_bias", Bias::Absent);
    #[expect(clippy::cast_possible_truncation, reason = "scores are binary32")]
    let scale = config.positive("query_pre_attn_scalar", 256.0)?.powf(-0.5) as f32;
    Ok(EncoderSpec {
        family: "gemma3_text".to_owned(),
        vocabulary: config.size("vocab_size")?,
        hidden,
        embedding: EmbeddingSpec { scale: (hidden as f32).sqrt(), ..EmbeddingSpec::plain(hidden) },
        position: PositionSpec::NotAdded { max_tokens: config.size("max_position_embeddings")? },
        attention: AttentionSpec {
            key_value_heads: decoder::key_value_heads(config, heads)?,
            scale,
            input_bias: bias,
            output_bias: bias,
            query_key_norm: Presence::Present,
            ..AttentionSpec::plain(heads, head_size)
        },
        feed_forward: FeedForwardSpec {
            intermediate: config.size("intermediate_size")?,
            activation: config.activation("hidden_activation", "gelu_pytorch_tanh")?,
            gate: Presence::Present,
            input_bias: Bias::Absent,
            output_bias: Bias::Absent,
        },
        norm: NormSpec {
            scale_offset: 1.0,
            placement: NormPlacement::Around,
            ..NormSpec::before(config.epsilon("rms_norm_eps", 1e-6)?)
        },
        layers: layers(config, head_size)?,
        head,
    })
}

fn layers(config: &ConfigFile, head_size: usize) -> Result<Vec<LayerSpec>, ModelError> {
    let far = if config.has("rope_parameters") {
        rotary::read_kind(config, "full_attention", head_size, 1_000_000.0)?
    } else {
        rotary::read(config, head_size, 1_000_000.0)?
    };
    let near_base = config.positive("rope_local_base_freq", 10_000.0)?;
    let near = rotary::read_kind(config, "sliding_attention", head_size, near_base)?;
    let window = config.optional_size("sliding_window")?.unwrap_or(4096);
    let is_bidirectional = decoder::is_bidirectional(config);
    let pattern = config.optional_size("sliding_window_pattern")?.unwrap_or(6);
    let kinds = config.layer_kinds("num_hidden_layers", |layer| (layer + 1) % pattern != 0)?;
    let layer = |is_near| {
        let reach = match (is_near, is_bidirectional) {
            (false, true) => Reach::ALL,
            (false, false) => Reach::CAUSAL,
            // The library halves the window where it lies on both sides.
            (true, true) => Reach::within(window / 2),
            (true, false) => Reach { before: window - 1, after: 0 },
        };
        let rotary = Arc::clone(if is_near { &near } else { &far });
        LayerSpec { reach, rotary: Some(rotary), attention_norm: Presence::Present }
    };
    Ok(kinds.into_iter().map(layer).collect())
}

fn places(name: TensorName) -> Vec<Place> {
    let TensorName::Layer(layer, tensor, part) = name else { return decoder::places(name) };
    let place = match tensor {
        LayerTensor::AttentionOutputNorm => "post_attention_layernorm",
        LayerTensor::FeedForwardNorm => "pre_feedforward_layernorm",
        LayerTensor::FeedForwardOutputNorm => "post_feedforward_layernorm",
        _ => return decoder::places(name),
    };
    at(format!("layers.{layer}.{place}.{part}"))
}
