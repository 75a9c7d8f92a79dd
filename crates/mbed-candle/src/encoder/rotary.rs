//! Rotation of queries and keys by angles that grow with the position.

use std::sync::Arc;

use candle_core::{D, Device, Result, Tensor};
use mbed_core::spec::{RotaryPairing, RotarySpec};

use crate::errors::{OpenResult, misfit, unsupported};

/// How one layer's queries and keys are rotated.
#[derive(Clone)]
pub(super) struct Rotary {
    spec: Arc<RotarySpec>,
    pairing: Pairing,
}

/// Taking pairs of values apart and putting them together again, along the last dimension.
#[derive(Clone, Copy)]
struct Pairing {
    split: fn(&Tensor) -> Result<(Tensor, Tensor)>,
    join: fn(&Tensor, &Tensor) -> Result<Tensor>,
}

const HALVES: Pairing = Pairing {
    split: |x| {
        let pairs = x.dim(D::Minus1)? / 2;
        Ok((x.narrow(D::Minus1, 0, pairs)?, x.narrow(D::Minus1, pairs, pairs)?))
    },
    join: |first, second| Tensor::cat(&[first, second], D::Minus1),
};

const NEIGHBOURS: Pairing = Pairing {
    split: |x| {
        let mut pairs_of_two = x.dims().to_vec();
        let last = pairs_of_two.pop().unwrap_or_default();
        pairs_of_two.extend([last / 2, 2]);
        let pairs = x.reshape(pairs_of_two)?;
        Ok((
            pairs.narrow(D::Minus1, 0, 1)?.squeeze(D::Minus1)?,
            pairs.narrow(D::Minus1, 1, 1)?.squeeze(D::Minus1)?,
        ))
    },
    join: |first, second| Tensor::stack(&[first, second], D::Minus1)?.flatten_from(D::Minus2),
};

impl PartialEq for Rotary {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Rotary {
    /// # Errors
    /// Heads are shorter than what is rotated, or the pairing is not known here.
    pub(super) fn load(spec: &Arc<RotarySpec>, head_size: usize) -> OpenResult<Self> {
        spec.check_size(head_size).map_err(misfit)?;
        let pairing = match spec.pairing {
            RotaryPairing::Halves => HALVES,
            RotaryPairing::Neighbours => NEIGHBOURS,
            other => return Err(unsupported(format!("it does not rotate pairs of the kind `{other:?}`"))),
        };
        Ok(Self { spec: Arc::clone(spec), pairing })
    }

    /// The rotations of positions 0 to `length`.
    pub(super) fn turns(&self, length: usize) -> Result<Turns> {
        let (cosines, sines): (Vec<f32>, Vec<f32>) =
            (0..length).flat_map(|position| self.spec.turns(position)).unzip();
        let shape = (length, self.spec.frequencies.len());
        Ok(Turns {
            cosines: Tensor::from_vec(cosines, shape, &Device::Cpu)?,
            sines: Tensor::from_vec(sines, shape, &Device::Cpu)?,
            pairing: self.pairing,
        })
    }
}

/// The rotations of all positions of a sequence.
pub(super) struct Turns {
    /// `length × pairs`
    cosines: Tensor,
    /// `length × pairs`
    sines: Tensor,
    pairing: Pairing,
}

impl Turns {
    /// Turns each pair (a, b) of `x`, `… × length × head_size`, to (a cos - b sin, b cos + a sin). Values that are
    /// in no pair, the last of each head, stay as they are.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (head_size, size) = (x.dim(D::Minus1)?, 2 * self.cosines.dim(1)?);
        let (a, b) = (self.pairing.split)(&x.narrow(D::Minus1, 0, size)?)?;
        let (cos, sin) = (&self.cosines, &self.sines);
        let turned_a = (a.broadcast_mul(cos)? - b.broadcast_mul(sin)?)?;
        let turned_b = (b.broadcast_mul(cos)? + a.broadcast_mul(sin)?)?;
        let turned = (self.pairing.join)(&turned_a, &turned_b)?;
        if size == head_size {
            return turned.contiguous();
        }
        Tensor::cat(&[&turned, &x.narrow(D::Minus1, size, head_size - size)?], D::Minus1)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_PI_2, PI};

    use super::*;

    /// `x`, a head of six at positions 0 and 1, after pairs were turned by a quarter and by a half a position.
    fn turned(pairing: RotaryPairing, x: [[f32; 6]; 2]) -> Vec<Vec<f32>> {
        let spec = RotarySpec { frequencies: vec![FRAC_PI_2 as f32, PI as f32], pairing };
        let turns = Rotary::load(&Arc::new(spec), 6).unwrap().turns(2).unwrap();
        turns.forward(&Tensor::new(&x, &Device::Cpu).unwrap()).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn pairs_turn_and_the_rest_stays() {
        let check = |pairing, expected: [f32; 6]| {
            let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
            let rows = turned(pairing, [x, x]);
            assert_eq!(rows[0], x, "position 0 of {pairing:?}");
            let near = rows[1].iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 2e-6);
            assert!(near, "{pairing:?}: {:?} is not {expected:?}", rows[1]);
        };
        // A quarter takes (a, b) to (-b, a), a half to (-a, -b).
        check(RotaryPairing::Halves, [-3.0, -2.0, 1.0, -4.0, 5.0, 6.0]);
        check(RotaryPairing::Neighbours, [-2.0, 1.0, -3.0, -4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_head_shorter_than_its_rotation_is_refused() {
        let spec = Arc::new(RotarySpec::new(10_000.0, 8, RotaryPairing::Halves));
        let message = Rotary::load(&spec, 6).err().unwrap().to_string();
        assert!(message.ends_with("it rotates 8 values of heads that have 6"), "{message}");
    }
}
