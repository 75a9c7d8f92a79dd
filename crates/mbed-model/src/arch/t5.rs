//! The encoder of T5: Sentence-T5, GTR, Instructor. Norms before, learned score biases by distance, no biases.

use mbed_core::spec::{
    AttentionSpec, Bias, EmbeddingSpec, EncoderSpec, FeedForwardSpec, HeadSpec, LayerSpec, LayerTensor,
    NormSpec, Part, PositionSpec, Presence, ScoreBias, TensorName,
};

use super::ConfigFile;
use super::families::{Family, UNBOUNDED};
use super::names::{Place, at};
use crate::ModelError;

pub(super) const FAMILY: Family =
    Family { model_types: &["t5"], claims: |_| true, spec, places, prefixes: &["", "encoder."] };

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    let (hidden, heads) = (config.size("d_model")?, config.size("num_heads")?);
    let stated = config.text_or("feed_forward_proj", "relu")?;
    let (gate, name) = match stated.strip_prefix("gated-") {
        // The library's gated form of T5 1.1 means the tanh form of GELU.
        Some("gelu") => (Presence::Present, "gelu_new"),
        Some(name) => (Presence::Present, name),
        None => (Presence::Absent, stated),
    };
    let unknown = |_| config.refuse("feed_forward_proj", "relu, gelu or silu, perhaps after `gated-`");
    let feed_forward = FeedForwardSpec {
        intermediate: config.size("d_ff")?,
        activation: name.parse().map_err(unknown)?,
        gate,
        input_bias: Bias::Absent,
        output_bias: Bias::Absent,
    };
    let attention = AttentionSpec {
        // Folded into the weights when the models were first trained.
        scale: 1.0,
        input_bias: Bias::Absent,
        output_bias: Bias::Absent,
        score_bias: ScoreBias::Buckets {
            buckets: config.optional_size("relative_attention_num_buckets")?.unwrap_or(32),
            max_distance: config.optional_size("relative_attention_max_distance")?.unwrap_or(128),
        },
        ..AttentionSpec::plain(heads, config.size("d_kv")?)
    };
    Ok(EncoderSpec {
        family: "t5".to_owned(),
        vocabulary: config.size("vocab_size")?,
        hidden,
        embedding: EmbeddingSpec::plain(hidden),
        position: PositionSpec::NotAdded { max_tokens: UNBOUNDED },
        attention,
        feed_forward,
        norm: NormSpec::before(config.epsilon("layer_norm_epsilon", 1e-6)?),
        layers: vec![LayerSpec::PLAIN; config.layers("num_layers")?],
        head,
    })
}

fn places(name: TensorName, spec: &EncoderSpec) -> Vec<Place> {
    match name {
        TensorName::TokenEmbedding => vec!["shared.weight".into(), "embed_tokens.weight".into()],
        TensorName::ScoreBias => at("block.0.layer.0.SelfAttention.relative_attention_bias.weight"),
        TensorName::LastNorm(part) => at(format!("final_layer_norm.{part}")),
        TensorName::Layer(layer, tensor, part) => layer_places(layer, tensor, part, spec),
        _ => Vec::new(),
    }
}

fn layer_places(layer: usize, tensor: LayerTensor, part: Part, spec: &EncoderSpec) -> Vec<Place> {
    let is_gated = spec.feed_forward.gate.is_present();
    let place = match tensor {
        LayerTensor::Query => "layer.0.SelfAttention.q",
        LayerTensor::Key => "layer.0.SelfAttention.k",
        LayerTensor::Value => "layer.0.SelfAttention.v",
        LayerTensor::AttentionOutput => "layer.0.SelfAttention.o",
        LayerTensor::AttentionNorm => "layer.0.layer_norm",
        LayerTensor::Gate => "layer.1.DenseReluDense.wi_0",
        LayerTensor::Up if is_gated => "layer.1.DenseReluDense.wi_1",
        LayerTensor::Up => "layer.1.DenseReluDense.wi",
        LayerTensor::Down => "layer.1.DenseReluDense.wo",
        LayerTensor::FeedForwardNorm => "layer.1.layer_norm",
        _ => return Vec::new(),
    };
    at(format!("block.{layer}.{place}.{part}"))
}
