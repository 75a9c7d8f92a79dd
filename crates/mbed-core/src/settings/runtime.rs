//! What computes.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::DeviceChoice;
use super::auto_count::{self, AutoCount};
use crate::{Precision, PrecisionChoice, UnknownPrecision};

/// What computes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeSettings {
    /// Which backend computes; `auto` takes the first that this build has, that finds a device and that can run the
    /// model.
    #[schemars(extend("enum" = ["auto", "cpu", "onnx", "cuda", "candle"], "examples" = ["cpu"]))]
    pub backend: BackendChoice,
    /// Number format of the matrix products. `auto` leaves it to the backend, `mixed` means the fastest 16-bit format
    /// that the device has. One that the device does not have is an error.
    #[schemars(extend("examples" = ["bf16"]))]
    pub precision: PrecisionSetting,
    /// Threads for computing and for tokenising; `auto` takes one a core that the process may use.
    #[serde(with = "auto_count")]
    #[schemars(with = "AutoCount", extend("x-unit" = "threads", "examples" = [8]))]
    pub threads: Option<NonZeroUsize>,
    /// The best set of instructions that the CPU backend uses; `auto` takes the best that the processor has. One that
    /// the processor does not have is an error.
    #[schemars(extend("examples" = ["avx2"]))]
    pub isa: InstructionSet,
    /// Copies of the model on each device that compute side by side; they share the threads. `auto` is what is best for
    /// the backend: two for ONNX Runtime on the processor, where there are threads for them, and one for the others.
    #[serde(with = "auto_count")]
    #[schemars(with = "AutoCount", extend("x-unit" = "workers", "examples" = [2]))]
    pub workers_per_device: Option<NonZeroUsize>,
    /// Which devices of the backend compute, in the numbers that `mbed devices` shows. Those are of the visible ones
    /// alone where `CUDA_VISIBLE_DEVICES` is set. One that is named twice computes in two sessions.
    #[schemars(extend("examples" = [[0, 1]]))]
    pub devices: DeviceChoice,
}

/// Which backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum BackendChoice {
    /// The first that this build has, that finds a device, and that can run the model.
    #[default]
    Auto,
    /// The one of this name, or an error.
    Named(String),
}

impl From<&str> for BackendChoice {
    fn from(name: &str) -> Self {
        if name == "auto" { Self::Auto } else { Self::Named(name.to_owned()) }
    }
}

impl From<String> for BackendChoice {
    fn from(name: String) -> Self {
        name.as_str().into()
    }
}

impl From<BackendChoice> for String {
    fn from(choice: BackendChoice) -> Self {
        match choice {
            BackendChoice::Auto => "auto".to_owned(),
            BackendChoice::Named(name) => name,
        }
    }
}

impl JsonSchema for BackendChoice {
    fn schema_name() -> Cow<'static, str> {
        "BackendChoice".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// In which precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PrecisionSetting {
    /// The backend's own choice.
    #[default]
    Auto,
    /// The fastest 16-bit format that the device has, or an error.
    Mixed,
    /// This one, or an error.
    Exactly(Precision),
}

impl PrecisionSetting {
    const MIXED: &'static str = "mixed";
}

impl FromStr for PrecisionSetting {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Self, UnknownPrecision> {
        if text == Self::MIXED {
            return Ok(Self::Mixed);
        }
        Ok(match text.parse()? {
            PrecisionChoice::Auto => Self::Auto,
            PrecisionChoice::Exactly(precision) => Self::Exactly(precision),
        })
    }
}

impl fmt::Display for PrecisionSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => PrecisionChoice::Auto.fmt(f),
            Self::Mixed => f.write_str(Self::MIXED),
            Self::Exactly(precision) => precision.fmt(f),
        }
    }
}

impl TryFrom<String> for PrecisionSetting {
    type Error = UnknownPrecision;

    fn try_from(text: String) -> Result<Self, UnknownPrecision> {
        text.parse()
    }
}

impl From<PrecisionSetting> for String {
    fn from(setting: PrecisionSetting) -> Self {
        setting.to_string()
    }
}

impl JsonSchema for PrecisionSetting {
    fn schema_name() -> Cow<'static, str> {
        "PrecisionSetting".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let mut names = vec![PrecisionChoice::Auto.to_string(), Self::MIXED.to_owned()];
        names.extend(Precision::ALL.map(|precision| precision.name().to_owned()));
        json_schema!({ "type": "string", "enum": names })
    }
}

/// A set of instructions of a processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InstructionSet {
    /// The best that the processor has.
    #[default]
    Auto,
    /// None but what every processor of its kind has.
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512.
    Avx512,
    /// Advanced Matrix Extensions.
    Amx,
}

impl InstructionSet {
    /// The name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Amx => "amx",
        }
    }
}
