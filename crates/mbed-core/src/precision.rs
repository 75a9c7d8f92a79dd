//! The number formats that a forward pass can run in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Hint;

/// The number format of the matrix products of a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// IEEE 754 binary32 throughout.
    F32,
    /// binary32 storage, products on TensorFloat-32 units (10-bit mantissa).
    Tf32,
    /// bfloat16 operands, binary32 sums.
    Bf16,
    /// IEEE 754 binary16 operands, binary32 sums.
    F16,
    /// 8-bit integers with scales, 32-bit sums.
    Int8,
    /// 8-bit floats with scales, binary32 sums.
    Fp8,
}

impl Precision {
    /// Every precision, in the order of the enum.
    pub const ALL: [Self; 6] = [Self::F32, Self::Tf32, Self::Bf16, Self::F16, Self::Int8, Self::Fp8];

    /// The lower-case name that settings and flags use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Int8 => "int8",
            Self::Fp8 => "fp8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A precision that somebody asked for: one by name, or the backend's best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PrecisionChoice {
    /// The backend chooses, and says in its [`Capabilities`](crate::Capabilities) what it took.
    #[default]
    Auto,
    /// This one, or an error.
    Exactly(Precision),
}

impl FromStr for PrecisionChoice {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let found = Precision::ALL.into_iter().find(|precision| precision.name() == text);
        found.map(Self::Exactly).ok_or_else(|| UnknownPrecision { name: text.to_owned() })
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Exactly(precision) => precision.fmt(f),
        }
    }
}

/// A name that is not a precision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown precision `{name}`")]
pub struct UnknownPrecision {
    /// The name as it was given.
    pub name: String,
}

impl Hint for UnknownPrecision {
    fn hint(&self) -> Option<String> {
        let names = Precision::ALL.map(Precision::name).join(", ");
        Some(format!("choose one of auto, {names}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for precision in Precision::ALL {
            assert_eq!(precision.name().parse(), Ok(PrecisionChoice::Exactly(precision)));
        }
        assert_eq!("auto".parse(), Ok(PrecisionChoice::Auto));
        let error = "f64".parse::<PrecisionChoice>().unwrap_err();
        assert_eq!(error.to_string(), "unknown precision `f64`");
    }
}
