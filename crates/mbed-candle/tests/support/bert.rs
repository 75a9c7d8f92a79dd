//! BERT's own names, mapped to the canonical ones.

use std::collections::BTreeMap;

use mbed_core::spec::{
    AttentionSpec, EmbeddingSpec, EncoderSpec, FeedForwardSpec, HeadSpec, LayerSpec, LayerTensor, NormSpec,
    Part, PositionSpec, Presence,
};
use mbed_core::{Tensor, TensorName, Weights};
use serde_json::Value;

use super::fixture::size;

pub(super) fn model(
    config: &Value,
    tensors: &BTreeMap<String, Tensor>,
    head: HeadSpec,
) -> (EncoderSpec, Weights) {
    let (hidden, heads) = (size(&config["hidden_size"]), size(&config["num_attention_heads"]));
    let spec = EncoderSpec {
        family: "bert".to_owned(),
        vocabulary: size(&config["vocab_size"]),
        hidden,
        embedding: EmbeddingSpec {
            segments: size(&config["type_vocab_size"]),
            norm: Presence::Present,
            ..EmbeddingSpec::plain(hidden)
        },
        position: PositionSpec::learned(size(&config["max_position_embeddings"])),
        attention: AttentionSpec::plain(heads, hidden / heads),
        feed_forward: FeedForwardSpec::plain(
            size(&config["intermediate_size"]),
            config["hidden_act"].as_str().unwrap().parse().unwrap(),
        ),
        norm: NormSpec::after(config["layer_norm_eps"].as_f64().unwrap() as f32),
        layers: vec![LayerSpec::PLAIN; size(&config["num_hidden_layers"])],
        head,
    };
    let mut weights = Weights::new();
    for (name, shape) in spec.encoder_tensors() {
        let tensor = &tensors[&file_name(name)];
        assert_eq!(tensor.shape(), shape, "{name}");
        weights.insert(name, tensor.clone());
    }
    (spec, weights)
}

fn file_name(name: TensorName) -> String {
    match name {
        TensorName::TokenEmbedding => "embeddings.word_embeddings.weight".to_owned(),
        TensorName::PositionEmbedding => "embeddings.position_embeddings.weight".to_owned(),
        TensorName::SegmentEmbedding => "embeddings.token_type_embeddings.weight".to_owned(),
        TensorName::EmbeddingNorm(part) => format!("embeddings.LayerNorm.{part}"),
        TensorName::Layer(layer, tensor, part) => layer_name(layer, tensor, part),
        other => panic!("{other} is not of the encoder"),
    }
}

fn layer_name(layer: usize, tensor: LayerTensor, part: Part) -> String {
    let tensor = match tensor {
        LayerTensor::Query => "attention.self.query",
        LayerTensor::Key => "attention.self.key",
        LayerTensor::Value => "attention.self.value",
        LayerTensor::AttentionOutput => "attention.output.dense",
        LayerTensor::AttentionNorm => "attention.output.LayerNorm",
        LayerTensor::Up => "intermediate.dense",
        LayerTensor::Down => "output.dense",
        LayerTensor::FeedForwardNorm => "output.LayerNorm",
        other => panic!("BERT has no {other}"),
    };
    format!("encoder.layer.{layer}.{tensor}.{part}")
}
