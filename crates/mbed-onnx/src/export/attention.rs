//! How tokens look at each other.

use mbed_core::TensorName;
use mbed_core::spec::{AttentionSpec, Bias, LayerSpec, LayerTensor};

use super::encoder::Walk;
use super::graph::{Graph, Value};
use super::linear::{Extent, linear};
use super::parts::norm;
use super::positions::{Positions, Turns};
use crate::errors::OpenResult;

/// Multi-head attention: `softmax(scale · q kᵀ + score bias) v`, of states `places × hidden`.
pub(super) fn attention(
    walk: &mut Walk<'_>,
    positions: &mut Positions,
    (index, layer): (usize, &LayerSpec),
    states: &Value,
) -> OpenResult<Value> {
    let AttentionSpec { heads, key_value_heads, scale, input_bias, output_bias, .. } = walk.spec.attention;
    let turns = positions.turns(walk.graph, layer);
    let sizes = &positions.sizes;
    let (query_part, key_part) = ((LayerTensor::Query, heads), (LayerTensor::Key, key_value_heads));
    let query = projected(walk, index, query_part, (input_bias, sizes), states)?;
    let query = placed(walk, index, (LayerTensor::QueryNorm, turns.as_ref()), &query)?;
    let key = projected(walk, index, key_part, (input_bias, sizes), states)?;
    let key = placed(walk, index, (LayerTensor::KeyNorm, turns.as_ref()), &key)?;
    let value = projected(walk, index, (LayerTensor::Value, key_value_heads), (input_bias, sizes), states)?;
    let (key, value) = (repeated(walk, &key), repeated(walk, &value));
    let longest = walk.spec.position.max_tokens();
    let graph = &mut *walk.graph;
    let turned_key = graph.transpose(&key, &[0, 1, 3, 2]);
    let scores = graph.matmul(&query, &turned_key);
    let scale = graph.scalar(scale);
    let scores = graph.mul(&scores, &scale);
    let bias = positions.score_bias(graph, layer, longest);
    let scores = graph.add(&scores, &bias);
    let shares = graph.apply("Softmax", &[&scores]);
    let context = graph.matmul(&shares, &value);
    let context = joined(graph, &context, walk.spec.attention.width());
    let name = |part| TensorName::Layer(index, LayerTensor::AttentionOutput, part);
    linear(graph, walk.weights, &context, name, (output_bias, Extent::Usual))
}

/// A linear map of the states, cut into heads: `sequences × heads × length × head_size`.
fn projected(
    walk: &mut Walk<'_>,
    index: usize,
    (tensor, heads): (LayerTensor, usize),
    (bias, sizes): (Bias, &Value),
    states: &Value,
) -> OpenResult<Value> {
    let name = |part| TensorName::Layer(index, tensor, part);
    let all = linear(walk.graph, walk.weights, states, name, (bias, Extent::Usual))?;
    let shape = walk.graph.sizes(sizes, &[heads, walk.spec.attention.head_size]);
    let cut = walk.graph.reshape_to(&all, &shape);
    Ok(walk.graph.transpose(&cut, &[0, 2, 1, 3]))
}

/// Queries or keys, normalised and rotated where the model does so.
fn placed(
    walk: &mut Walk<'_>,
    index: usize,
    (tensor, turns): (LayerTensor, Option<&Turns>),
    heads: &Value,
) -> OpenResult<Value> {
    let mut placed = heads.clone();
    if walk.spec.attention.query_key_norm.is_present() {
        let name = |part| TensorName::Layer(index, tensor, part);
        placed = norm(walk.graph, walk.weights, &placed, &walk.spec.norm, name)?;
    }
    match turns {
        Some(turns) => turns.apply(walk.graph, &placed, walk.spec.attention.head_size),
        None => Ok(placed),
    }
}

/// Each head of keys or values as often as it serves heads of queries, copies side by side.
fn repeated(walk: &mut Walk<'_>, x: &Value) -> Value {
    let AttentionSpec { heads, key_value_heads, head_size, .. } = walk.spec.attention;
    if key_value_heads == heads {
        return x.clone();
    }
    let graph = &mut *walk.graph;
    let x = graph.unsqueeze(x, &[2]);
    let copies = graph.vector_i64(&[1, 1, (heads / key_value_heads) as i64, 1, 1]);
    let x = graph.apply("Expand", &[&x, &copies]);
    graph.reshape(&x, &[0, heads as i64, -1, head_size as i64])
}

/// From `sequences × heads × length × head_size` to `places × (heads · head_size)`.
fn joined(graph: &mut Graph, context: &Value, width: usize) -> Value {
    let context = graph.transpose(context, &[0, 2, 1, 3]);
    graph.reshape(&context, &[-1, width as i64])
}
