//! Language models of Llama's build: Llama, Mistral, Qwen2, Qwen3. Norms before, rotation, gated feed-forward,
//! shared keys and values; a token sees those before it unless the configuration says otherwise.

use std::sync::Arc;

use mbed_core::spec::{
    AttentionSpec, Bias, EmbeddingSpec, EncoderSpec, FeedForwardSpec, HeadSpec, LayerSpec, LayerTensor,
    NormSpec, Part, PositionSpec, Presence, Reach, TensorName,
};

use super::ConfigFile;
use super::families::Family;
use super::names::{Place, at};
use super::rotary;
use crate::ModelError;

pub(super) const LLAMA: Family = family(&["llama"], |config, head| {
    let bias = config.bias("attention_bias", Bias::Absent);
    let mut spec = encoder(config, head, (bias, bias))?;
    let bias = config.bias("mlp_bias", Bias::Absent);
    spec.feed_forward = FeedForwardSpec { input_bias: bias, output_bias: bias, ..spec.feed_forward };
    Ok(spec)
});

pub(super) const MISTRAL: Family =
    family(&["mistral"], |config, head| encoder(config, head, (Bias::Absent, Bias::Absent)));

pub(super) const QWEN2: Family = family(&["qwen2"], |config, head| {
    encoder(config, head, (config.bias("attention_bias", Bias::Added), Bias::Absent))
});

pub(super) const QWEN3: Family = family(&["qwen3"], |config, head| {
    let bias = config.bias("attention_bias", Bias::Absent);
    let mut spec = encoder(config, head, (bias, bias))?;
    spec.attention.query_key_norm = Presence::Present;
    Ok(spec)
});

const fn family(
    model_types: &'static [&'static str],
    spec: fn(&ConfigFile, HeadSpec) -> Result<EncoderSpec, ModelError>,
) -> Family {
    Family { model_types, claims: |_| true, spec, places: |name, _| places(name), prefixes: &["", "model."] }
}

/// `biases` are those of queries, keys and values, and of attention's output.
fn encoder(config: &ConfigFile, head: HeadSpec, biases: (Bias, Bias)) -> Result<EncoderSpec, ModelError> {
    let (hidden, heads) = (config.size("hidden_size")?, config.size("num_attention_heads")?);
    let head_size = config.head_size(hidden, heads)?;
    let activation = config.activation("hidden_act", "silu")?;
    Ok(EncoderSpec {
        family: config.model_type()?.to_owned(),
        vocabulary: config.size("vocab_size")?,
        hidden,
        embedding: EmbeddingSpec::plain(hidden),
        position: PositionSpec::NotAdded { max_tokens: config.size("max_position_embeddings")? },
        attention: AttentionSpec {
            key_value_heads: key_value_heads(config, heads)?,
            input_bias: biases.0,
            output_bias: biases.1,
            ..AttentionSpec::plain(heads, head_size)
        },
        feed_forward: FeedForwardSpec {
            intermediate: config.size("intermediate_size")?,
            activation,
            gate: Presence::Present,
            input_bias: Bias::Absent,
            output_bias: Bias::Absent,
        },
        norm: NormSpec::before(config.epsilon("rms_norm_eps", 1e-6)?),
        layers: layers(config, head_size)?,
        head,
    })
}

pub(super) fn key_value_heads(config: &ConfigFile, heads: usize) -> Result<usize, ModelError> {
    let shared = config.optional_size("num_key_value_heads")?.unwrap_or(heads);
    if !heads.is_multiple_of(shared) {
        return Err(config.refuse("num_key_value_heads", "a divisor of `num_attention_heads`"));
    }
    Ok(shared)
}

/// Whether a token sees those after it: the switches of GTE-Qwen2 and of embedding models made by others.
pub(super) fn is_bidirectional(config: &ConfigFile) -> bool {
    !config.is_on_or("is_causal", true) || config.is_on("use_bidirectional_attention")
}

fn layers(config: &ConfigFile, head_size: usize) -> Result<Vec<LayerSpec>, ModelError> {
    let rotary = rotary::read(config, head_size, 10_000.0)?;
    let is_mistral = config.model_type()? == "mistral";
    let window = match config.is_on_or("use_sliding_window", is_mistral) {
        // Mistral's first models had no key for it.
        true if is_mistral && !config.states("sliding_window") => Some(4096),
        true => config.optional_size("sliding_window")?,
        false => None,
    };
    let first_near = if is_mistral { 0 } else { config.optional_number("max_window_layers")?.unwrap_or(28) };
    let is_bidirectional = is_bidirectional(config);
    let kinds = config.layer_kinds("num_hidden_layers", |layer| window.is_some() && layer >= first_near)?;
    let layer = |is_near| {
        let before = window.filter(|_| is_near).map_or(usize::MAX, |window| window - 1);
        let after = if is_bidirectional { before } else { 0 };
        LayerSpec {
            reach: Reach { before, after },
            rotary: Some(Arc::clone(&rotary)),
            attention_norm: Presence::Present,
        }
    };
    Ok(kinds.into_iter().map(layer).collect())
}

pub(super) fn places(name: TensorName) -> Vec<Place> {
    match name {
        TensorName::TokenEmbedding => at("embed_tokens.weight"),
        TensorName::LastNorm(part) => at(format!("norm.{part}")),
        TensorName::Layer(layer, tensor, part) => layer_places(layer, tensor, part),
        _ => Vec::new(),
    }
}

fn layer_places(layer: usize, tensor: LayerTensor, part: Part) -> Vec<Place> {
    let place = match tensor {
        LayerTensor::Query => "self_attn.q_proj",
        LayerTensor::Key => "self_attn.k_proj",
        LayerTensor::Value => "self_attn.v_proj",
        LayerTensor::QueryNorm => "self_attn.q_norm",
        LayerTensor::KeyNorm => "self_attn.k_norm",
        LayerTensor::AttentionOutput => "self_attn.o_proj",
        LayerTensor::AttentionNorm => "input_layernorm",
        LayerTensor::Gate => "mlp.gate_proj",
        LayerTensor::Up => "mlp.up_proj",
        LayerTensor::Down => "mlp.down_proj",
        // Its name tells where it stands, not what it is for.
        LayerTensor::FeedForwardNorm => "post_attention_layernorm",
        _ => return Vec::new(),
    };
    at(format!("layers.{layer}.{place}.{part}"))
}
