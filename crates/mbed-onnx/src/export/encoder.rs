//! The walk as a whole: embeddings, layers, last norm.

use mbed_core::spec::{EncoderSpec, FeedForwardSpec, LayerSpec, LayerTensor, NormPlacement};
use mbed_core::{TensorName, Weights};

use super::attention::attention;
use super::embedding::embedding;
use super::graph::{Graph, Value};
use super::linear::{Extent, linear};
use super::parts::{activation, norm};
use super::positions::Positions;
use crate::errors::{OpenResult, unsupported};

/// The inputs of an encoder, each `sequences × length`.
pub(super) struct Inputs {
    /// Vocabulary numbers.
    pub(super) ids: Value,
    /// 1 where there is a token, 0 in places that only fill up a shorter sequence.
    pub(super) mask: Value,
    /// Segments, where the model looks at them.
    pub(super) type_ids: Option<Value>,
}

/// A spec that is being written as a graph.
pub(super) struct Walk<'a> {
    pub(super) graph: &'a mut Graph,
    pub(super) spec: &'a EncoderSpec,
    pub(super) weights: &'a Weights,
    pub(super) inputs: &'a Inputs,
}

/// Writes the encoder and gives its last hidden states, `sequences × length × hidden`. In between they are
/// `places × hidden`: what is done to each token alone needs no more, and runtimes join more of it.
pub(super) fn states(walk: &mut Walk<'_>) -> OpenResult<Value> {
    let mut positions = Positions::write(walk)?;
    let mut states = embedding(walk, &positions)?;
    let spec = walk.spec;
    for (index, layer) in spec.layers.iter().enumerate() {
        states = self::layer(walk, &mut positions, (index, layer), &states)?;
    }
    if spec.norm.last.is_present() {
        states = norm(walk.graph, walk.weights, &states, &spec.norm, TensorName::LastNorm)?;
    }
    let shape = walk.graph.sizes(&positions.sizes, &[spec.hidden]);
    Ok(walk.graph.reshape_to(&states, &shape))
}

fn layer(
    walk: &mut Walk<'_>,
    positions: &mut Positions,
    (index, layer): (usize, &LayerSpec),
    states: &Value,
) -> OpenResult<Value> {
    let attention = |walk: &mut Walk<'_>, x: &Value| attention(walk, positions, (index, layer), x);
    let states = if layer.attention_norm.is_present() {
        let norms = [LayerTensor::AttentionNorm, LayerTensor::AttentionOutputNorm];
        around(walk, (index, norms), states, attention)?
    } else {
        let mut attention = attention;
        let result = attention(walk, states)?;
        walk.graph.add(states, &result)
    };
    let norms = [LayerTensor::FeedForwardNorm, LayerTensor::FeedForwardOutputNorm];
    around(walk, (index, norms), &states, |walk, x| feed_forward(walk, index, x))
}

/// The sum of `x` and `f` of it, with norms in their places.
fn around(
    walk: &mut Walk<'_>,
    (index, [first, second]): (usize, [LayerTensor; 2]),
    x: &Value,
    mut f: impl FnMut(&mut Walk<'_>, &Value) -> OpenResult<Value>,
) -> OpenResult<Value> {
    let normed = |walk: &mut Walk<'_>, x: &Value, tensor| {
        norm(walk.graph, walk.weights, x, &walk.spec.norm, |part| TensorName::Layer(index, tensor, part))
    };
    match walk.spec.norm.placement {
        NormPlacement::After => {
            let result = f(walk, x)?;
            let sum = walk.graph.add(x, &result);
            normed(walk, &sum, first)
        }
        NormPlacement::Before => {
            let before = normed(walk, x, first)?;
            let result = f(walk, &before)?;
            Ok(walk.graph.add(x, &result))
        }
        NormPlacement::Around => {
            let before = normed(walk, x, first)?;
            let result = f(walk, &before)?;
            let result = normed(walk, &result, second)?;
            Ok(walk.graph.add(x, &result))
        }
        other => Err(unsupported(format!("it does not place norms `{other:?}`"))),
    }
}

/// `down(activation(up(x)))`, or with a gate `down(activation(gate(x)) · up(x))`.
fn feed_forward(walk: &mut Walk<'_>, index: usize, x: &Value) -> OpenResult<Value> {
    let FeedForwardSpec { activation: function, gate, input_bias, output_bias, .. } = walk.spec.feed_forward;
    let (graph, weights) = (&mut *walk.graph, walk.weights);
    let name = |tensor| move |part| TensorName::Layer(index, tensor, part);
    let up = linear(graph, weights, x, name(LayerTensor::Up), (input_bias, Extent::Usual))?;
    let between = if gate.is_present() {
        let gate = linear(graph, weights, x, name(LayerTensor::Gate), (input_bias, Extent::Usual))?;
        let gate = activation(graph, &gate, function)?;
        graph.mul(&gate, &up)
    } else {
        activation(graph, &up, function)?
    };
    // A product of two results is larger than either, and states that are normed only before they are used grow from layer
    // to layer by what this gives.
    let is_tame = !gate.is_present() && walk.spec.norm.placement == NormPlacement::After;
    let extent = if is_tame { Extent::Usual } else { Extent::Large };
    linear(graph, weights, &between, name(LayerTensor::Down), (output_bias, extent))
}
