//! What only the CUDA backend knows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What only the CUDA backend knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CudaSettings {
    /// Whether batches are copied to the device out of pinned memory.
    #[schemars(extend("x-effect" = "planned", "examples" = [false]))]
    pub pinned_memory: bool,
    /// Whether a forward pass is replayed as a CUDA graph.
    #[schemars(extend("x-effect" = "planned", "examples" = ["off"]))]
    pub graphs: GraphChoice,
}

/// Whether a forward pass is replayed as a CUDA graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GraphChoice {
    /// Where that is faster.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

impl Default for CudaSettings {
    fn default() -> Self {
        Self { pinned_memory: true, graphs: GraphChoice::Auto }
    }
}
