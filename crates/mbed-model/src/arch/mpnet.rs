//! MPNet: RoBERTa with learned score biases by distance, and no segments.

use mbed_core::spec::{EncoderSpec, HeadSpec, LayerTensor, Part, ScoreBias, TensorName};

use super::ConfigFile;
use super::families::Family;
use super::names::{Place, at, norm};
use super::{bert, roberta};
use crate::ModelError;

pub(super) const FAMILY: Family = Family {
    model_types: &["mpnet"],
    claims: |_| true,
    spec,
    places: |name, _| places(name),
    prefixes: &["", "mpnet."],
};

/// The library's own; configurations have no key for it.
const MAX_DISTANCE: usize = 128;

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    let mut spec = bert::encoder(config, head, roberta::positions(config)?)?;
    spec.embedding.segments = 0;
    let buckets = config.optional_size("relative_attention_num_buckets")?.unwrap_or(32);
    spec.attention.score_bias = ScoreBias::Buckets { buckets, max_distance: MAX_DISTANCE };
    Ok(spec)
}

fn places(name: TensorName) -> Vec<Place> {
    match name {
        TensorName::ScoreBias => at("encoder.relative_attention_bias.weight"),
        TensorName::Layer(layer, tensor, part) => layer_places(layer, tensor, part),
        _ => bert::places(name),
    }
}

fn layer_places(layer: usize, tensor: LayerTensor, part: Part) -> Vec<Place> {
    let place = match tensor {
        LayerTensor::Query => "attn.q",
        LayerTensor::Key => "attn.k",
        LayerTensor::Value => "attn.v",
        LayerTensor::AttentionOutput => "attn.o",
        LayerTensor::AttentionNorm => {
            return norm(&format!("encoder.layer.{layer}.attention.LayerNorm"), part);
        }
        _ => return bert::places(TensorName::Layer(layer, tensor, part)),
    };
    at(format!("encoder.layer.{layer}.attention.{place}.{part}"))
}
