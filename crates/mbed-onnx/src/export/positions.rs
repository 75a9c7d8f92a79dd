//! What layers need to know of positions, written once for all layers that need the same.

use std::sync::Arc;

use mbed_core::TensorName;
use mbed_core::spec::{
    LayerSpec, Reach, RotaryPairing, RotarySpec, ScoreBias, alibi_slopes, relative_bucket,
};

use super::encoder::Walk;
use super::graph::{Graph, Value, Values};
use super::proto::BOOL;
use crate::errors::{OpenResult, unsupported};

/// Places in a batch, and what follows from them.
pub(super) struct Positions {
    /// How many sequences there are, and their length.
    pub(super) sizes: Value,
    /// 0 to the length of a sequence: `length`.
    pub(super) numbers: Value,
    /// How far each key stands behind each query: `length × length`, a row for each query.
    distances: Value,
    /// Whether a place holds a token: `sequences × 1 × 1 × length`.
    present: Value,
    /// The score bias of all layers, where there is one: `1 × heads × length × length`.
    distance_bias: Option<Value>,
    sights: Vec<(Reach, Value)>,
    rotations: Vec<(Arc<RotarySpec>, Turns)>,
}

/// The rotations of all positions, each `length × pairs`.
#[derive(Clone)]
pub(super) struct Turns {
    cosines: Value,
    sines: Value,
    spec: Arc<RotarySpec>,
}

impl Positions {
    pub(super) fn write(walk: &mut Walk<'_>) -> OpenResult<Self> {
        let graph = &mut *walk.graph;
        let sizes = graph.apply("Shape", &[&walk.inputs.ids]);
        let one = graph.scalar_i64(1);
        let length = graph.gather(&sizes, &one);
        let zero = graph.scalar_i64(0);
        let numbers = graph.apply("Range", &[&zero, &length, &one]);
        let (keys, queries) = (graph.unsqueeze(&numbers, &[0]), graph.unsqueeze(&numbers, &[1]));
        let distances = graph.sub(&keys, &queries);
        let present = graph.cast(&walk.inputs.mask, BOOL);
        let present = graph.unsqueeze(&present, &[1, 2]);
        let distance_bias = distance_bias(walk, &distances)?;
        Ok(Self {
            sizes,
            numbers,
            distances,
            present,
            distance_bias,
            sights: Vec::new(),
            rotations: Vec::new(),
        })
    }

    /// What is added to the scores of `layer`, so that places without a token and tokens out of reach count for nothing.
    pub(super) fn score_bias(&mut self, graph: &mut Graph, layer: &LayerSpec, longest: usize) -> Value {
        let reach = if layer.reach.is_all(longest) { Reach::ALL } else { layer.reach };
        if let Some((_, made)) = self.sights.iter().find(|(made, _)| *made == reach) {
            return made.clone();
        }
        let seen = self.seen(graph, reach);
        let added = match &self.distance_bias {
            Some(bias) => bias.clone(),
            None => graph.scalar(0.0),
        };
        // Finite, so that a place that sees nothing (it is padding, and nobody looks at it) has no NaN for a state.
        let nothing = graph.scalar(f32::MIN);
        let bias = graph.apply("Where", &[&seen, &added, &nothing]);
        self.sights.push((reach, bias.clone()));
        bias
    }

    /// Whether a query looks at a key: `sequences × 1 × (1 or length) × length`.
    fn seen(&self, graph: &mut Graph, reach: Reach) -> Value {
        let mut seen = self.present.clone();
        if let Ok(before) = i64::try_from(reach.before) {
            let limit = graph.scalar_i64(-before);
            let near = graph.apply("GreaterOrEqual", &[&self.distances, &limit]);
            seen = graph.apply("And", &[&seen, &near]);
        }
        if let Ok(after) = i64::try_from(reach.after) {
            let limit = graph.scalar_i64(after);
            let near = graph.apply("LessOrEqual", &[&self.distances, &limit]);
            seen = graph.apply("And", &[&seen, &near]);
        }
        seen
    }

    /// How `layer` rotates queries and keys, where it does.
    pub(super) fn turns(&mut self, graph: &mut Graph, layer: &LayerSpec) -> Option<Turns> {
        let spec = layer.rotary.as_ref()?;
        if let Some((_, made)) = self.rotations.iter().find(|(made, _)| made == spec) {
            return Some(made.clone());
        }
        let name = format!("rotary.{}.frequencies", self.rotations.len());
        let shape = vec![1, spec.frequencies.len() as i64];
        let frequencies = graph.initializer(name, shape, Values::F32(spec.frequencies.clone()));
        let numbers = graph.cast_f32(&self.numbers);
        let numbers = graph.unsqueeze(&numbers, &[1]);
        let angles = graph.mul(&numbers, &frequencies);
        let turns = Turns {
            cosines: graph.apply("Cos", &[&angles]),
            sines: graph.apply("Sin", &[&angles]),
            spec: Arc::clone(spec),
        };
        self.rotations.push((Arc::clone(spec), turns.clone()));
        Some(turns)
    }
}

/// The score bias of all layers by the distance of a key from its query.
fn distance_bias(walk: &mut Walk<'_>, distances: &Value) -> OpenResult<Option<Value>> {
    let heads = walk.spec.attention.heads;
    if walk.spec.layers.is_empty() {
        return Ok(None);
    }
    match walk.spec.attention.score_bias {
        ScoreBias::None => Ok(None),
        ScoreBias::Alibi => {
            let slopes = alibi_slopes(heads).into_iter().map(|slope| -slope).collect();
            let graph = &mut *walk.graph;
            let slopes = graph.initializer(
                "alibi.slopes".to_owned(),
                vec![1, heads as i64, 1, 1],
                Values::F32(slopes),
            );
            let distances = graph.apply("Abs", &[distances]);
            let distances = graph.cast_f32(&distances);
            Ok(Some(graph.mul(&slopes, &distances)))
        }
        ScoreBias::Buckets { buckets, max_distance } => {
            // From the last exact distance and the largest one on, all are in the last range.
            let farthest = max_distance.max(buckets).min(walk.spec.position.max_tokens());
            let by_distance = by_distance(walk, buckets, max_distance, farthest)?;
            let graph = &mut *walk.graph;
            let farthest = farthest as i64;
            let (low, high) = (graph.scalar_i64(-farthest), graph.scalar_i64(farthest));
            let near = graph.apply("Clip", &[distances, &low, &high]);
            let rows = graph.add(&near, &high);
            let bias = graph.gather(&by_distance, &rows);
            let bias = graph.transpose(&bias, &[2, 0, 1]);
            Ok(Some(graph.unsqueeze(&bias, &[0])))
        }
        other => Err(unsupported(format!("it has no score bias `{other:?}`"))),
    }
}

/// The learned numbers by distance instead of range, so that no logarithm is left to the runtime:
/// `(2 · farthest + 1) × heads`, from the farthest key before a query to the farthest behind it.
fn by_distance(
    walk: &mut Walk<'_>,
    buckets: usize,
    max_distance: usize,
    farthest: usize,
) -> OpenResult<Value> {
    let heads = walk.spec.attention.heads;
    let table = walk.weights.get(TensorName::ScoreBias)?.to_f32();
    let row = |distance: usize| {
        let bucket = relative_bucket(farthest, distance, buckets, max_distance);
        table.get(bucket * heads..(bucket + 1) * heads).unwrap_or_default()
    };
    let values: Vec<f32> = (0..=2 * farthest).flat_map(row).copied().collect();
    let shape = vec![2 * farthest as i64 + 1, heads as i64];
    let name = format!("{}.by_distance", TensorName::ScoreBias);
    Ok(walk.graph.initializer(name, shape, Values::F32(values)))
}

impl Turns {
    /// Turns each pair (a, b) of `x`, `… × length × head_size`, to (a cos - b sin, b cos + a sin). Values that are in no
    /// pair, the last of each head, stay as they are.
    ///
    /// # Errors
    /// The pairing is not written here.
    pub(super) fn apply(&self, graph: &mut Graph, x: &Value, head_size: usize) -> OpenResult<Value> {
        let (size, pairs) = (self.spec.size(), self.spec.frequencies.len());
        let [first, second] = match self.spec.pairing {
            RotaryPairing::Halves => [[0, pairs, 1], [pairs, size, 1]],
            RotaryPairing::Neighbours => [[0, size, 2], [1, size, 2]],
            other => return Err(unsupported(format!("it does not rotate pairs of the kind `{other:?}`"))),
        };
        let (a, b) = (graph.slice_last(x, first), graph.slice_last(x, second));
        let turned_a = {
            let (left, right) = (graph.mul(&a, &self.cosines), graph.mul(&b, &self.sines));
            graph.sub(&left, &right)
        };
        let turned_b = {
            let (left, right) = (graph.mul(&b, &self.cosines), graph.mul(&a, &self.sines));
            graph.add(&left, &right)
        };
        let turned = if self.spec.pairing == RotaryPairing::Neighbours {
            let (a, b) = (graph.unsqueeze(&turned_a, &[-1]), graph.unsqueeze(&turned_b, &[-1]));
            let pairs = graph.concat_last(&[&a, &b]);
            graph.reshape(&pairs, &[0, 0, 0, size as i64])
        } else {
            graph.concat_last(&[&turned_a, &turned_b])
        };
        if size == head_size {
            return Ok(turned);
        }
        let rest = graph.slice_last(x, [size, head_size, 1]);
        Ok(graph.concat_last(&[&turned, &rest]))
    }
}
