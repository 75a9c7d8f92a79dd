//! What people can choose, as one tree of types. Read in layers elsewhere; inner code sees only these.

mod batching;
mod model;
mod runtime;

pub use batching::BatchingSettings;
pub use model::{ModelSettings, Normalize, Overflow, PromptChoice};
pub use runtime::{BackendChoice, RuntimeSettings};

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
