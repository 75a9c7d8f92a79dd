//! How much arithmetic a model needs.

use mbed_core::Precision;
use mbed_core::spec::{EncoderSpec, TensorName};

/// Floating-point operations of a forward pass over texts with so many tokens each: two for each weight of a linear
/// map and each token, two for each product of attention. Norms, activations and pooling are left out, as is usual; so
/// is the head, which sees one vector a text.
#[must_use]
pub fn operations(spec: &EncoderSpec, lengths: &[usize]) -> f64 {
    let tokens: usize = lengths.iter().sum();
    let maps = 2.0 * linear_weights(spec) as f64 * tokens as f64;
    let pairs: f64 = lengths.iter().map(|&length| pairs(spec, length)).sum();
    // Scores and their product with the values: two maps of the width of all heads.
    maps + 4.0 * spec.attention.width() as f64 * pairs
}

/// Weights of all linear maps of the layers.
fn linear_weights(spec: &EncoderSpec) -> usize {
    let tensors = spec.encoder_tensors().into_iter();
    let of_layers = tensors.filter(|(name, shape)| matches!(name, TensorName::Layer(..)) && shape.len() == 2);
    of_layers.map(|(_, shape)| shape.iter().product::<usize>()).sum()
}

/// How many tokens all tokens of all layers look at together.
fn pairs(spec: &EncoderSpec, length: usize) -> f64 {
    let of_layer = |reach: mbed_core::spec::Reach| -> f64 {
        if reach.is_all(length) {
            return (length * length) as f64;
        }
        (0..length).map(|token| reach.tokens(token, length).len() as f64).sum()
    };
    spec.layers.iter().map(|layer| of_layer(layer.reach)).sum()
}

/// Bytes that the weights of the layers take up in a precision.
#[must_use]
pub fn weight_bytes(spec: &EncoderSpec, precision: Precision) -> f64 {
    let width = match precision {
        Precision::Bf16 | Precision::F16 => 2,
        Precision::Int8 | Precision::Fp8 => 1,
        _ => 4,
    };
    (linear_weights(spec) * width) as f64
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use mbed_core::ModelSource;

    use super::*;

    #[test]
    fn operations_of_a_small_bert_are_counted_by_hand() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/models/bert-mean");
        let ModelSource::Spec { spec, .. } = mbed_model::load_folder(Path::new(folder)).unwrap().source
        else {
            panic!("a spec")
        };
        let (hidden, inner, layers) = (spec.hidden, spec.feed_forward.intermediate, spec.layers.len());
        let weights = layers * (4 * hidden * hidden + 2 * hidden * inner);
        let by_hand = |lengths: &[usize]| {
            let tokens: usize = lengths.iter().sum();
            let squares: usize = lengths.iter().map(|length| length * length).sum();
            (2 * weights * tokens + layers * 4 * hidden * squares) as f64
        };
        for lengths in [&[1][..], &[16, 5], &[128]] {
            assert!((operations(&spec, lengths) - by_hand(lengths)).abs() < 0.5, "{lengths:?}");
        }
        assert!((weight_bytes(&spec, Precision::Bf16) - 2.0 * weights as f64).abs() < 0.5);
    }
}
