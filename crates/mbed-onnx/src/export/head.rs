//! Pooling and the stages behind it.

use mbed_core::spec::{HeadSpec, HeadStage, NormSpec, Pooling, Residual};
use mbed_core::{TensorName, Weights};

use super::graph::{Graph, Kept, Value};
use super::linear::{Extent, linear, product};
use super::parts::{activation, norm};
use crate::errors::{OpenResult, unsupported};

/// What a vector is divided by at least, as in `torch.nn.functional.normalize`.
const SHORTEST: f32 = 1e-12;

/// Pools whole sequences: states `sequences × length × hidden` and the mask `sequences × length` become
/// `sequences × pooled`.
pub(super) fn pooling(graph: &mut Graph, head: &HeadSpec, states: &Value, mask: &Value) -> Value {
    let mask = graph.cast_f32(mask);
    let pooled: Vec<Value> =
        head.pooling.iter().map(|&pooling| pool(graph, pooling, states, &mask)).collect();
    match &pooled[..] {
        [one] => one.clone(),
        several => graph.concat_last(&several.iter().collect::<Vec<_>>()),
    }
}

fn pool(graph: &mut Graph, pooling: Pooling, states: &Value, mask: &Value) -> Value {
    if pooling == Pooling::Max {
        let present = graph.unsqueeze(mask, &[2]);
        let half = graph.scalar(0.5);
        let present = graph.apply("Greater", &[&present, &half]);
        let nothing = graph.scalar(f32::MIN);
        let states = graph.apply("Where", &[&present, states, &nothing]);
        return graph.reduce("ReduceMax", &states, 1, Kept::No);
    }
    let one = graph.scalar(1.0);
    // 1, 2, 3 ... where there are tokens, and 0 elsewhere.
    let axis = graph.scalar_i64(1);
    let places = graph.apply("CumSum", &[mask, &axis]);
    let places = graph.mul(&places, mask);
    let shares = match pooling {
        Pooling::WeightedMean => places,
        Pooling::Cls => is_place(graph, &places, &one),
        Pooling::LastToken => {
            let last = graph.reduce("ReduceMax", &places, 1, Kept::Yes);
            is_place(graph, &places, &last)
        }
        _ => mask.clone(),
    };
    let weights = graph.unsqueeze(&shares, &[2]);
    let weighted = graph.mul(states, &weights);
    let sum = graph.reduce("ReduceSum", &weighted, 1, Kept::No);
    let total = graph.reduce("ReduceSum", &shares, 1, Kept::Yes);
    // An empty sequence pools to zeros.
    let total = graph.apply("Max", &[&total, &one]);
    match pooling {
        Pooling::MeanSqrtLength => {
            let root = graph.apply("Sqrt", &[&total]);
            graph.div(&sum, &root)
        }
        _ => graph.div(&sum, &total),
    }
}

/// 1 where `places` has the number `place`, 0 elsewhere.
fn is_place(graph: &mut Graph, places: &Value, place: &Value) -> Value {
    let same = graph.apply("Equal", &[places, place]);
    graph.cast_f32(&same)
}

/// The stages after pooling, of rows `rows × pooled`.
///
/// # Errors
/// A tensor is missing, or a stage is one that is not written here.
pub(super) fn stages(
    graph: &mut Graph,
    head: &HeadSpec,
    weights: &Weights,
    pooled: &Value,
) -> OpenResult<Value> {
    let mut rows = pooled.clone();
    for (index, stage) in head.stages.iter().enumerate() {
        rows = match *stage {
            HeadStage::Dense { .. } => dense(graph, weights, (index, stage), &rows)?,
            HeadStage::LayerNorm { epsilon, .. } => {
                let name = |part| TensorName::HeadNorm(index, part);
                norm(graph, weights, &rows, &NormSpec::after(epsilon), name)?
            }
            HeadStage::Normalize => {
                let squares = graph.mul(&rows, &rows);
                let sum = graph.reduce("ReduceSum", &squares, -1, Kept::Yes);
                let length = graph.apply("Sqrt", &[&sum]);
                let shortest = graph.scalar(SHORTEST);
                let length = graph.apply("Max", &[&length, &shortest]);
                graph.div(&rows, &length)
            }
            ref other => return Err(unsupported(format!("it has no head stage `{other:?}`"))),
        };
    }
    Ok(rows)
}

fn dense(
    graph: &mut Graph,
    weights: &Weights,
    (index, stage): (usize, &HeadStage),
    x: &Value,
) -> OpenResult<Value> {
    let HeadStage::Dense { bias, activation: function, residual, .. } = *stage else {
        return Ok(x.clone());
    };
    let name = |part| TensorName::HeadDense(index, part);
    let result = linear(graph, weights, x, name, (bias, Extent::Usual))?;
    let result = activation(graph, &result, function)?;
    match residual {
        Residual::None => Ok(result),
        Residual::Input => Ok(graph.add(&result, x)),
        Residual::Projected => {
            let added = product(graph, weights, (x, Extent::Usual), TensorName::HeadResidual(index))?;
            Ok(graph.add(&result, &added))
        }
    }
}
