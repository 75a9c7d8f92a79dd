//! Norms and activations.

use mbed_core::spec::{Activation, Bias, NormKind, NormSpec, Part};
use mbed_core::{TensorName, Weights};

use super::graph::{Graph, Kept, Value};
use super::proto::AttributeProto;
use crate::errors::{OpenResult, unsupported};

/// The norm of the last dimension of `x`, with the tensors that `name` gives.
///
/// # Errors
/// A tensor is missing, or the kind is one that is not written here.
pub(super) fn norm(
    graph: &mut Graph,
    weights: &Weights,
    x: &Value,
    spec: &NormSpec,
    name: impl Fn(Part) -> TensorName,
) -> OpenResult<Value> {
    let offset = spec.scale_offset;
    let scale = graph.weight_with(weights, name(Part::Weight), |value| value + offset)?;
    match spec.kind {
        NormKind::Layer => {
            let shift = match spec.bias {
                Bias::Added => Some(graph.weight(weights, name(Part::Bias))?),
                Bias::Absent => None,
            };
            let inputs: Vec<&Value> = [x, &scale].into_iter().chain(&shift).collect();
            let attributes =
                vec![AttributeProto::int("axis", -1), AttributeProto::float("epsilon", spec.epsilon)];
            Ok(graph.apply_with("LayerNormalization", &inputs, attributes))
        }
        NormKind::Rms => {
            let two = graph.scalar(2.0);
            let squares = graph.apply("Pow", &[x, &two]);
            let mean = graph.reduce("ReduceMean", &squares, -1, Kept::Yes);
            let epsilon = graph.scalar(spec.epsilon);
            let root = graph.add(&mean, &epsilon);
            let root = graph.apply("Sqrt", &[&root]);
            let even = graph.div(x, &root);
            Ok(graph.mul(&even, &scale))
        }
        other => Err(unsupported(format!("it has no norm `{other:?}`"))),
    }
}

/// # Errors
/// It is one that is not written here.
pub(super) fn activation(graph: &mut Graph, x: &Value, activation: Activation) -> OpenResult<Value> {
    let value = written(graph, x, activation)?;
    if let Some(least) = least(activation) {
        graph.never_below(&value, least);
    }
    Ok(value)
}

/// What no result is below: minima of the functions, rounded down.
const fn least(activation: Activation) -> Option<f32> {
    match activation {
        Activation::Gelu | Activation::GeluTanh => Some(-0.1701),
        Activation::Silu => Some(-0.2785),
        Activation::Relu | Activation::Sigmoid => Some(0.0),
        _ => None,
    }
}

fn written(graph: &mut Graph, x: &Value, activation: Activation) -> OpenResult<Value> {
    Ok(match activation {
        Activation::Identity => x.clone(),
        Activation::Gelu => graph.apply("Gelu", &[x]),
        Activation::GeluTanh => {
            graph.apply_with("Gelu", &[x], vec![AttributeProto::text("approximate", "tanh")])
        }
        Activation::Relu => graph.apply("Relu", &[x]),
        Activation::Silu => {
            let gate = graph.apply("Sigmoid", &[x]);
            graph.mul(x, &gate)
        }
        Activation::Tanh => graph.apply("Tanh", &[x]),
        Activation::Sigmoid => graph.apply("Sigmoid", &[x]),
        other => return Err(unsupported(format!("it has no activation `{other:?}`"))),
    })
}
