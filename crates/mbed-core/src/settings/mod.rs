//! What people can choose, as one tree of types. Read in layers elsewhere; inner code sees only these.

mod batching;
mod model;
mod runtime;
mod tree;

pub use batching::BatchingSettings;
pub use model::{ModelSettings, Normalize, Overflow, PromptChoice};
pub use runtime::{BackendChoice, RuntimeSettings};
pub use tree::Settings;
