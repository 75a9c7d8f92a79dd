//! Numbers with bounds.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A part of a whole: above 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fraction(f64);

/// How much larger something becomes at a time: above 1, at most 10.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Factor(f64);

/// A number outside of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("`{value}` is not above {above} and at most {most}")]
pub struct OutOfRange {
    /// The number.
    pub value: f64,
    /// What it must be above.
    pub above: f64,
    /// What it may be at most.
    pub most: f64,
}

impl Fraction {
    const ABOVE: f64 = 0.0;
    const MOST: f64 = 1.0;

    /// The plain number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// For defaults, which the tests of this module prove to be within bounds.
    pub(super) const fn constant(value: f64) -> Self {
        Self(value)
    }
}

impl Factor {
    const ABOVE: f64 = 1.0;
    const MOST: f64 = 10.0;

    /// The plain number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// For defaults, which the tests of this module prove to be within bounds.
    pub(super) const fn constant(value: f64) -> Self {
        Self(value)
    }
}

fn bounded(value: f64, above: f64, most: f64) -> Result<f64, OutOfRange> {
    // Written so that what is not a number fails.
    if value > above && value <= most { Ok(value) } else { Err(OutOfRange { value, above, most }) }
}

impl TryFrom<f64> for Fraction {
    type Error = OutOfRange;

    fn try_from(value: f64) -> Result<Self, OutOfRange> {
        bounded(value, Self::ABOVE, Self::MOST).map(Self)
    }
}

impl TryFrom<f64> for Factor {
    type Error = OutOfRange;

    fn try_from(value: f64) -> Result<Self, OutOfRange> {
        bounded(value, Self::ABOVE, Self::MOST).map(Self)
    }
}

impl From<Fraction> for f64 {
    fn from(fraction: Fraction) -> Self {
        fraction.0
    }
}

impl From<Factor> for f64 {
    fn from(factor: Factor) -> Self {
        factor.0
    }
}

impl JsonSchema for Fraction {
    fn schema_name() -> Cow<'static, str> {
        "Fraction".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": Self::ABOVE, "maximum": Self::MOST })
    }
}

impl JsonSchema for Factor {
    fn schema_name() -> Cow<'static, str> {
        "Factor".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": Self::ABOVE, "maximum": Self::MOST })
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemorySettings;
    use super::*;

    #[test]
    fn numbers_outside_of_their_bounds_are_refused() {
        for value in [0.0, -0.1, 1.000_001, f64::NAN, f64::INFINITY] {
            assert!(Fraction::try_from(value).is_err(), "{value}");
        }
        for value in [1.0, 0.5, 10.1, f64::NAN] {
            assert!(Factor::try_from(value).is_err(), "{value}");
        }
        assert_eq!(Fraction::try_from(1.0).map(Fraction::get), Ok(1.0));
        assert_eq!(Factor::try_from(1.5).map(Factor::get), Ok(1.5));
        assert_eq!(Fraction::try_from(1.5).unwrap_err().to_string(), "`1.5` is not above 0 and at most 1");
    }

    #[test]
    fn defaults_are_within_bounds() {
        let MemorySettings { safety_factor, pressure_threshold, growth, fraction, leak_tolerance, .. } =
            MemorySettings::default();
        for default in [safety_factor, pressure_threshold, growth.below, fraction, leak_tolerance] {
            assert_eq!(Fraction::try_from(default.get()), Ok(default));
        }
        assert_eq!(Factor::try_from(growth.factor.get()), Ok(growth.factor));
    }
}
