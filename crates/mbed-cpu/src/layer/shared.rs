//! What a layer has in every precision.

use mbed_core::BackendError;
use mbed_core::spec::{LayerTensor, Presence, RotaryPairing, TensorName};
use mbed_kernels::activation::Function;
use mbed_kernels::attention::{Attention, DistanceBias, Heads, Reach};
use mbed_kernels::norm::Norm;
use mbed_kernels::rotary;

use super::choice::Source;
use super::norms::Norms;
use crate::head;
use crate::load;
use crate::tables::Turns;

/// What a layer has in every precision: norms, and how attention goes.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) heads: Heads,
    scale: f32,
    reach: Reach,
    /// Number of the rotation in the scratch, and which values make a pair.
    rotation: Option<(usize, rotary::Pairing)>,
    query_key_norms: Option<(Norm, Norm)>,
    pub(super) attention_norms: Norms,
    pub(super) activation: Function,
    pub(super) feed_forward_norms: Norms,
}

impl Shared {
    pub(super) fn new(source: Source<'_>, rotation: Option<usize>) -> Result<Self, BackendError> {
        use LayerTensor as T;
        let Source { spec, weights, index } = source;
        let layer = &spec.layers[index];
        let norm = |tensor| load::norm(weights, &spec.norm, |part| TensorName::Layer(index, tensor, part));
        let heads = Heads {
            count: spec.attention.heads,
            key_values: spec.attention.key_value_heads,
            size: spec.attention.head_size,
        };
        let query_key_norms = match spec.attention.query_key_norm {
            Presence::Present => Some((norm(T::QueryNorm)?, norm(T::KeyNorm)?)),
            Presence::Absent => None,
        };
        let attention_norms = match layer.attention_norm {
            Presence::Present => {
                Norms::load(spec.norm.placement, norm, [T::AttentionNorm, T::AttentionOutputNorm])?
            }
            Presence::Absent => Norms::None,
        };
        Ok(Self {
            heads,
            scale: spec.attention.scale,
            reach: Reach { before: layer.reach.before, after: layer.reach.after },
            rotation: rotation.zip(layer.rotary.as_ref().map(|rotary| pairing(rotary.pairing))),
            query_key_norms,
            attention_norms,
            activation: head::function(spec.feed_forward.activation)?,
            feed_forward_norms: Norms::load(
                spec.norm.placement,
                norm,
                [T::FeedForwardNorm, T::FeedForwardOutputNorm],
            )?,
        })
    }

    pub(super) const fn attention<'a>(&self, bias: Option<DistanceBias<'a>>) -> Attention<'a> {
        Attention { heads: self.heads, scale: self.scale, reach: self.reach, bias }
    }

    /// Whether queries and keys are changed between product and attention.
    pub(super) const fn places(&self) -> bool {
        self.query_key_norms.is_some() || self.rotation.is_some()
    }

    /// Normalises a token's queries and keys and rotates them to its position, where the model does.
    pub(super) fn place(&self, row: &mut [f32], position: usize, turns: &[Turns]) {
        let Heads { count, key_values, size } = self.heads;
        let (queries, rest) = row.split_at_mut(count * size);
        let keys = &mut rest[..key_values * size];
        if let Some((query_norm, key_norm)) = &self.query_key_norms {
            query_norm.apply(queries);
            key_norm.apply(keys);
        }
        if let Some((turns, pairing)) =
            self.rotation.and_then(|(index, pairing)| Some((turns.get(index)?, pairing)))
        {
            let (cosines, sines) = turns.at(position);
            rotary::rotate(queries, size, pairing, cosines, sines);
            rotary::rotate(keys, size, pairing, cosines, sines);
        }
    }
}

const fn pairing(pairing: RotaryPairing) -> rotary::Pairing {
    match pairing {
        RotaryPairing::Neighbours => rotary::Pairing::Neighbours,
        _ => rotary::Pairing::Halves,
    }
}
