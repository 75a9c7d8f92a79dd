//! DistilBERT: BERT without segments, under keys and names of its own.

use mbed_core::spec::{
    AttentionSpec, EmbeddingSpec, EncoderSpec, FeedForwardSpec, HeadSpec, LayerSpec, LayerTensor, NormSpec,
    Part, PositionSpec, Presence, TensorName,
};

use super::ConfigFile;
use super::bert;
use super::families::Family;
use super::names::{Place, at};
use crate::ModelError;

pub(super) const FAMILY: Family = Family {
    model_types: &["distilbert"],
    claims: |_| true,
    spec,
    places: |name, _| places(name),
    prefixes: &["", "distilbert."],
};

/// The library's own; configurations have no key for it.
const EPSILON: f32 = 1e-12;

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    let hidden = config.size("dim")?;
    let heads = config.size("n_heads")?;
    if hidden % heads != 0 {
        return Err(config.refuse("n_heads", "a divisor of `dim`"));
    }
    Ok(EncoderSpec {
        family: "distilbert".to_owned(),
        vocabulary: config.size("vocab_size")?,
        hidden,
        embedding: EmbeddingSpec { norm: Presence::Present, ..EmbeddingSpec::plain(hidden) },
        // Sinusoidal positions are stored as a table too.
        position: PositionSpec::learned(config.size("max_position_embeddings")?),
        attention: AttentionSpec::plain(heads, hidden / heads),
        feed_forward: FeedForwardSpec::plain(
            config.size("hidden_dim")?,
            config.activation("activation", "gelu")?,
        ),
        norm: NormSpec::after(EPSILON),
        layers: vec![LayerSpec::PLAIN; config.layers("n_layers")?],
        head,
    })
}

fn places(name: TensorName) -> Vec<Place> {
    match name {
        TensorName::Layer(layer, tensor, part) => layer_places(layer, tensor, part),
        _ => bert::places(name),
    }
}

fn layer_places(layer: usize, tensor: LayerTensor, part: Part) -> Vec<Place> {
    let place = match tensor {
        LayerTensor::Query => "attention.q_lin",
        LayerTensor::Key => "attention.k_lin",
        LayerTensor::Value => "attention.v_lin",
        LayerTensor::AttentionOutput => "attention.out_lin",
        LayerTensor::AttentionNorm => "sa_layer_norm",
        LayerTensor::Up => "ffn.lin1",
        LayerTensor::Down => "ffn.lin2",
        LayerTensor::FeedForwardNorm => "output_layer_norm",
        _ => return Vec::new(),
    };
    at(format!("transformer.layer.{layer}.{place}.{part}"))
}
