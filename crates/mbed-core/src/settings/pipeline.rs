//! How files are read and written.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auto_count::{self, AutoCount};

/// How files are read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PipelineSettings {
    /// What happens to bytes that are not UTF-8.
    #[schemars(extend("examples" = ["replace"]))]
    pub invalid_utf8: InvalidText,
    /// Records of a unit of `mbed run`, which is what a kill can cost; `auto` takes as many as need about a second.
    #[serde(with = "auto_count")]
    #[schemars(with = "AutoCount", extend("x-unit" = "rows", "examples" = [100000]))]
    pub checkpoint_rows: Option<NonZeroUsize>,
}

/// What happens to bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvalidText {
    /// The run ends with an error that names them.
    #[default]
    Error,
    /// U+FFFD takes their place.
    Replace,
    /// Their row is left out and counted.
    Skip,
}
