//! How much memory is used, and what happens where it runs short.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ByteSize, Factor, Fraction};

/// How much memory is used, and what happens where it runs short.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemorySettings {
    /// Whether batches size themselves by the memory there is and by measured throughput. `off` cuts them as `batching`
    /// says and looks at nothing.
    #[schemars(extend("examples" = ["off"]))]
    pub adapt: Adapt,
    /// Memory of each device that is left to others.
    #[schemars(extend("examples" = ["2GB"]))]
    pub reserved: ByteSize,
    /// The part of what a batch is estimated to fit into that it may really take.
    #[schemars(extend("examples" = [0.8]))]
    pub safety_factor: Fraction,
    /// The part of a device's memory in use from which batches become smaller.
    #[schemars(extend("examples" = [0.9]))]
    pub pressure_threshold: Fraction,
    /// The part of a device's memory that mbed may use at all.
    #[schemars(extend("examples" = [0.5]))]
    pub fraction: Fraction,
    /// How often a batch is made smaller, and its parts in turn, where memory runs out: halved each time, and where batches
    /// size themselves cut into the smallest parts in the second half of the tries.
    #[schemars(extend("x-unit" = "halvings", "examples" = [6]))]
    pub max_retries: u32,
    /// After so many rows memory that is kept for reuse is given back.
    #[schemars(extend("x-unit" = "rows", "examples" = [50000]))]
    pub trim_every: NonZeroUsize,
    /// The part by which memory may stay above where it was after warming up before a leak is reported.
    #[schemars(extend("examples" = [0.2]))]
    pub leak_tolerance: Fraction,
    /// When batches become larger again.
    // A table stands behind the values beside it: a file cannot go back to them.
    pub growth: GrowthSettings,
}

/// Whether batches size themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Adapt {
    /// They do.
    #[default]
    Auto,
    /// They are as `batching` says.
    Off,
}

/// When batches become larger again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GrowthSettings {
    /// So many batches in a row must have fitted.
    #[schemars(extend("x-unit" = "batches", "examples" = [20]))]
    pub after: NonZeroUsize,
    /// The part of a device's memory in use that must not be reached.
    #[schemars(extend("examples" = [0.5]))]
    pub below: Fraction,
    /// By how much a batch becomes larger at a time.
    #[schemars(extend("examples" = [2.0]))]
    pub factor: Factor,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self {
            adapt: Adapt::Auto,
            reserved: ByteSize::new(0),
            safety_factor: Fraction::constant(0.7),
            pressure_threshold: Fraction::constant(0.8),
            growth: GrowthSettings::default(),
            fraction: Fraction::constant(0.9),
            max_retries: 3,
            trim_every: NonZeroUsize::MIN.saturating_add(9_999),
            leak_tolerance: Fraction::constant(0.1),
        }
    }
}

impl Default for GrowthSettings {
    fn default() -> Self {
        Self {
            after: NonZeroUsize::MIN.saturating_add(9),
            below: Fraction::constant(0.6),
            factor: Factor::constant(1.5),
        }
    }
}
