//! BERT and what is built like it: MiniLM, BGE, E5, GTE v1, Snowflake Arctic, mxbai.

use mbed_core::spec::{
    AttentionSpec, EncoderSpec, FeedForwardSpec, HeadSpec, LayerTensor, NormSpec, Part, PositionSpec,
    TensorName,
};

use super::ConfigFile;
use super::families::Family;
use crate::ModelError;

pub(super) const FAMILY: Family = Family { model_type: "bert", spec, names, prefixes: &["", "bert."] };

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    if config.text_or("position_embedding_type", "absolute")? != "absolute" {
        return Err(config.refuse("position_embedding_type", "`absolute`"));
    }
    if config.is_on("is_decoder") {
        return Err(config.refuse("is_decoder", "false: this family reads in both directions"));
    }
    let hidden = config.size("hidden_size")?;
    let heads = config.size("num_attention_heads")?;
    if hidden % heads != 0 {
        return Err(config.refuse("num_attention_heads", "a divisor of `hidden_size`"));
    }
    let activation = config.text_or("hidden_act", "gelu")?;
    Ok(EncoderSpec {
        family: "bert".to_owned(),
        vocabulary: config.size("vocab_size")?,
        segments: config.optional_size("type_vocab_size")?.unwrap_or(2),
        hidden,
        layers: config.size("num_hidden_layers")?,
        position: PositionSpec::Learned { rows: config.size("max_position_embeddings")?, first: 0 },
        attention: AttentionSpec { heads, head_size: hidden / heads },
        feed_forward: FeedForwardSpec {
            intermediate: config.size("intermediate_size")?,
            activation: activation
                .parse()
                .map_err(|_unknown| config.refuse("hidden_act", "one of gelu, gelu_new, relu, silu"))?,
        },
        norm: NormSpec { epsilon: config.positive("layer_norm_eps", 1e-12)? },
        head,
    })
}

fn names(name: TensorName) -> Vec<String> {
    match name {
        TensorName::TokenEmbedding => vec!["embeddings.word_embeddings.weight".to_owned()],
        TensorName::PositionEmbedding => vec!["embeddings.position_embeddings.weight".to_owned()],
        TensorName::SegmentEmbedding => vec!["embeddings.token_type_embeddings.weight".to_owned()],
        TensorName::EmbeddingNorm(part) => norm_names("embeddings.LayerNorm", part),
        TensorName::Layer(layer, tensor, part) => layer_names(layer, tensor, part),
        _ => Vec::new(),
    }
}

fn layer_names(layer: usize, tensor: LayerTensor, part: Part) -> Vec<String> {
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
        LayerTensor::AttentionNorm | LayerTensor::FeedForwardNorm => norm_names(&name, part),
        _ => vec![format!("{name}.{part}")],
    }
}

/// Checkpoints converted from TensorFlow call a norm's tensors `gamma` and `beta`.
fn norm_names(name: &str, part: Part) -> Vec<String> {
    let old = match part {
        Part::Weight => "gamma",
        Part::Bias => "beta",
    };
    vec![format!("{name}.{part}"), format!("{name}.{old}")]
}
