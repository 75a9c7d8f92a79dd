//! What happens to queries and keys before attention.

use mbed_core::spec::RotaryPairing;

use super::check::{Check, LaunchError, alignment};
use super::norm::{self, Norm};
use super::{Address, Argument, Element, Family, Launch, Unit};

/// Heads of a block, `HEADS_OF_BLOCK` in `place.cu`.
pub(super) const HEADS_OF_BLOCK: usize = 4;

/// The longest head, `LONGEST_HEAD` in `place.cu`.
const LONGEST_HEAD: usize = 256;

/// Each head's queries and keys are normalised, then rotated to the token's position, in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The format of queries and keys.
    pub element: Element,
    /// How many tokens there are.
    pub tokens: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys, and of values.
    pub key_value_heads: usize,
    /// Length of a head, an even number.
    pub head_size: usize,
    /// A token's queries, keys and values, `(heads + 2 · key_value_heads) · head_size` a row.
    pub qkv: Address,
    /// The norms of queries and of keys; both are of one kind and have one epsilon.
    pub norms: Option<[Norm; 2]>,
    /// How they are rotated.
    pub rotation: Option<Rotation>,
}

/// Rotation by angles that grow with the position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rotation {
    /// Which values make a pair.
    pub pairing: RotaryPairing,
    /// How many pairs of a head are rotated.
    pub pairs: usize,
    /// Binary32, `positions × pairs`.
    pub cosines: Address,
    /// Binary32, `positions × pairs`.
    pub sines: Address,
    /// Each token's place in its sequence, 32-bit integers.
    pub positions: Address,
}

impl Place {
    /// The launch. Arguments: queries, keys and values; heads; heads of keys; head size; kind of the norms, scale and
    /// shift of queries, scale and shift of keys, epsilon; pairing (0 none, 1 halves, 2 neighbours); pairs; cosines;
    /// sines; positions.
    ///
    /// # Errors
    /// There are no tokens, a head is too long or odd, more is rotated than a head has, or a place is not aligned.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let check = Check { kernel: "place" };
        let head_size = check.within("head size", self.head_size, LONGEST_HEAD)?;
        check.multiple("head size", head_size, 2)?;
        let tokens = check.within("tokens", self.tokens, i32::MAX as usize)?;
        let mut arguments = vec![
            check.place("queries, keys and values", self.qkv, alignment(self.element, 2))?,
            check.int("heads", self.heads)?,
            check.int("heads of keys", self.key_value_heads)?,
            check.int("head size", head_size)?,
        ];
        arguments.extend(self.norm_arguments(check)?);
        arguments.extend(self.rotation_arguments(check)?);
        let heads = self.heads.saturating_add(self.key_value_heads);
        Ok(Launch {
            unit: Unit::new(Family::Place, self.element),
            entry: "place".to_owned(),
            grid: check.grid(tokens, heads.div_ceil(HEADS_OF_BLOCK))?,
            block: [32 * HEADS_OF_BLOCK as u32, 1, 1],
            shared_bytes: 0,
            arguments,
        })
    }

    fn norm_arguments(&self, check: Check) -> Result<[Argument; 6], LaunchError> {
        let [query, key] = [0, 1].map(|index| self.norms.as_ref().and_then(|norms| norms.get(index)));
        let of = |norm: Option<&Norm>| -> Result<[Argument; 2], LaunchError> {
            Ok([
                check.optional("scale of a norm", norm.map(|norm| norm.scale), 4)?,
                check.optional("shift of a norm", norm.and_then(|norm| norm.shift), 4)?,
            ])
        };
        let ([query_scale, query_shift], [key_scale, key_shift]) = (of(query)?, of(key)?);
        let epsilon = query.map_or(0.0, |norm| norm.epsilon).into();
        Ok([norm::kind(query, check)?, query_scale, query_shift, key_scale, key_shift, epsilon])
    }

    fn rotation_arguments(&self, check: Check) -> Result<[Argument; 5], LaunchError> {
        let Some(rotation) = &self.rotation else {
            return Ok([
                0.into(),
                0.into(),
                Argument::Address(0),
                Argument::Address(0),
                Argument::Address(0),
            ]);
        };
        let pairing = match rotation.pairing {
            RotaryPairing::Halves => 1,
            RotaryPairing::Neighbours => 2,
            _ => return Err(check.unknown("pairing")),
        };
        let pairs = check.within("pairs", rotation.pairs, self.head_size / 2)?;
        Ok([
            pairing.into(),
            check.int("pairs", pairs)?,
            check.place("cosines", rotation.cosines, 4)?,
            check.place("sines", rotation.sines, 4)?,
            check.ints("positions", rotation.positions)?,
        ])
    }
}
