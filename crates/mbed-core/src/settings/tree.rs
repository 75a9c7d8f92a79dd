//! Every setting in one place.

use super::{BatchingSettings, ModelSettings, RuntimeSettings};

/// Every setting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Which model and how its vectors are made.
    pub model: ModelSettings,
    /// What computes them.
    pub runtime: RuntimeSettings,
    /// How work is cut into batches.
    pub batching: BatchingSettings,
}
