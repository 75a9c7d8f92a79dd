//! From vocabulary numbers to the first states.

use mbed_core::TensorName;
use mbed_core::spec::PositionSpec;

use super::encoder::Walk;
use super::graph::Value;
use super::linear::{Extent, linear};
use super::parts::norm;
use super::positions::Positions;
use super::proto::INT64;
use crate::errors::{OpenResult, unsupported};

/// Token embedding times `scale`, plus embeddings of position and segment; then the norm; then the projection:
/// `places × hidden`.
pub(super) fn embedding(walk: &mut Walk<'_>, positions: &Positions) -> OpenResult<Value> {
    let spec = &walk.spec.embedding;
    let (graph, weights) = (&mut *walk.graph, walk.weights);
    let scale = spec.scale;
    let table = graph.weight_with(weights, TensorName::TokenEmbedding, |value| value * scale)?;
    let mut states = graph.gather(&table, &walk.inputs.ids);
    if let Some(rows) = learned_rows(walk, positions)? {
        let table = walk.graph.weight(weights, TensorName::PositionEmbedding)?;
        let added = walk.graph.gather(&table, &rows);
        states = walk.graph.add(&states, &added);
    }
    let graph = &mut *walk.graph;
    if let Some(type_ids) = &walk.inputs.type_ids {
        let table = graph.weight(weights, TensorName::SegmentEmbedding)?;
        let added = graph.gather(&table, type_ids);
        states = graph.add(&states, &added);
    }
    states = graph.reshape(&states, &[-1, spec.width as i64]);
    if spec.norm.is_present() {
        states = norm(graph, weights, &states, &walk.spec.norm, TensorName::EmbeddingNorm)?;
    }
    match spec.projection {
        Some(bias) => linear(graph, weights, &states, TensorName::EmbeddingProjection, (bias, Extent::Usual)),
        None => Ok(states),
    }
}

/// The rows of the table of positions: `length`, or `sequences × length` where they depend on the tokens.
fn learned_rows(walk: &mut Walk<'_>, positions: &Positions) -> OpenResult<Option<Value>> {
    let (first, uncounted) = match walk.spec.position {
        PositionSpec::Learned { first, uncounted, .. } => (first as i64, uncounted),
        PositionSpec::NotAdded { .. } => return Ok(None),
        other => return Err(unsupported(format!("it does not compute positions of the kind `{other:?}`"))),
    };
    let graph = &mut *walk.graph;
    let Some(uncounted) = uncounted else {
        let first = graph.scalar_i64(first);
        return Ok(Some(graph.add(&positions.numbers, &first)));
    };
    // A counted token takes the row before the first plus how many were counted up to it, itself included; one that is
    // not counted takes the row before the first.
    let uncounted = graph.scalar_i64(i64::from(uncounted));
    let is_uncounted = graph.apply("Equal", &[&walk.inputs.ids, &uncounted]);
    let counted = graph.apply("Not", &[&is_uncounted]);
    let counted = graph.cast(&counted, INT64);
    let axis = graph.scalar_i64(1);
    let count = graph.apply("CumSum", &[&counted, &axis]);
    let count = graph.mul(&count, &counted);
    let before = graph.scalar_i64((first - 1).max(0));
    Ok(Some(graph.add(&count, &before)))
}
