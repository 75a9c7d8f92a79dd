//! What a layer needs to know of positions, made once for all layers that need the same.

use candle_core::{Result, Tensor};
use mbed_core::spec::{EncoderSpec, LayerSpec, Reach};

use super::distance_bias::{DistanceBias, by_pair};
use super::rotary::{Rotary, Turns};
use crate::errors::OpenResult;

/// What the tokens of a layer see of each other: which they look at, and from which angle.
#[derive(Clone, PartialEq)]
pub(super) struct Sight {
    reach: Reach,
    rotary: Option<Rotary>,
}

impl Sight {
    /// # Errors
    /// The rotation is not one that is computed here.
    pub(super) fn load(spec: &EncoderSpec, layer: usize) -> OpenResult<Self> {
        let layer = spec.layers.get(layer).unwrap_or(&LayerSpec::PLAIN);
        let rotary = layer.rotary.as_ref().map(|rotary| Rotary::load(rotary, spec.attention.head_size));
        Ok(Self { reach: layer.reach, rotary: rotary.transpose()? })
    }
}

/// A [`Sight`] for sequences of one length.
pub(super) struct PositionTensors {
    /// Added to scores: `heads × length × length`, or one for all heads, `length × length`.
    pub score_bias: Option<Tensor>,
    /// How queries and keys are rotated.
    pub turns: Option<Turns>,
}

/// The tensors that were made already, for sequences of one length.
pub(super) struct PositionCache<'a> {
    distance_bias: &'a DistanceBias,
    length: usize,
    made: Vec<(Sight, PositionTensors)>,
}

impl<'a> PositionCache<'a> {
    pub(super) const fn new(distance_bias: &'a DistanceBias, length: usize) -> Self {
        Self { distance_bias, length, made: Vec::new() }
    }

    /// The tensors for layers of this `sight`.
    pub(super) fn of(&mut self, sight: &Sight) -> Result<&PositionTensors> {
        let place = match self.made.iter().position(|(made, _)| made == sight) {
            Some(place) => place,
            None => {
                self.made.push((sight.clone(), self.make(sight)?));
                self.made.len() - 1
            }
        };
        Ok(&self.made[place].1)
    }

    fn make(&self, sight: &Sight) -> Result<PositionTensors> {
        let distance_bias = self.distance_bias.tensor(self.length)?;
        let score_bias = match (distance_bias, mask(sight.reach, self.length)?) {
            (Some(bias), Some(mask)) => Some(bias.broadcast_add(&mask)?),
            (bias, mask) => bias.or(mask),
        };
        let turns = sight.rotary.as_ref().map(|rotary| rotary.turns(self.length));
        Ok(PositionTensors { score_bias, turns: turns.transpose()? })
    }
}

/// 0 where a query's token looks at a key's and -∞ where it does not, `length × length`; nothing where all look at
/// all.
fn mask(reach: Reach, length: usize) -> Result<Option<Tensor>> {
    if reach.is_all(length) {
        return Ok(None);
    }
    let mask = |query, key| if reach.tokens(query, length).contains(&key) { 0.0 } else { f32::NEG_INFINITY };
    by_pair(length, mask).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_leave_what_is_in_reach() {
        const N: f32 = f32::NEG_INFINITY;
        let check = |reach, expected: Option<[[f32; 4]; 4]>| {
            let mask = mask(reach, 4).unwrap().map(|mask| mask.to_vec2::<f32>().unwrap());
            assert_eq!(mask, expected.map(|rows| rows.map(Vec::from).to_vec()), "{reach:?}");
        };
        check(Reach::ALL, None);
        check(Reach::within(3), None);
        check(
            Reach::CAUSAL,
            Some([[0.0, N, N, N], [0.0, 0.0, N, N], [0.0, 0.0, 0.0, N], [0.0, 0.0, 0.0, 0.0]]),
        );
        check(
            Reach::within(1),
            Some([[0.0, 0.0, N, N], [0.0, 0.0, 0.0, N], [N, 0.0, 0.0, 0.0], [N, N, 0.0, 0.0]]),
        );
        let two_behind = Reach { before: 2, after: 0 };
        check(two_behind, Some([[0.0, N, N, N], [0.0, 0.0, N, N], [0.0, 0.0, 0.0, N], [N, 0.0, 0.0, 0.0]]));
    }

    #[test]
    fn layers_that_see_the_same_share_their_tensors() {
        let bias = DistanceBias::None;
        let mut cache = PositionCache::new(&bias, 4);
        for reach in [Reach::CAUSAL, Reach::ALL, Reach::CAUSAL] {
            cache.of(&Sight { reach, rotary: None }).unwrap();
        }
        assert_eq!(cache.made.len(), 2);
    }
}
