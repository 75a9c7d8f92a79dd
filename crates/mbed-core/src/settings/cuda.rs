//! What only the CUDA backend knows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What only the CUDA backend knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CudaSettings {
    /// Whether batches are copied to the device out of pinned memory.
    #[schemars(extend("examples" = [false]))]
    pub pinned_memory: bool,
    /// Whether a forward pass is replayed as a CUDA graph.
    #[schemars(extend("examples" = ["off"]))]
    pub graphs: GraphChoice,
    /// Folders that hold NVRTC and cublasLt, separated as in `PATH`. They are looked into before the places of the system's
    /// loader; behind those come the folders of `CUDA_PATH` and of Python packages, which need not be named.
    #[schemars(extend("examples" = ["/opt/cuda/lib64"]))]
    pub libraries: String,
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
        Self { pinned_memory: true, graphs: GraphChoice::Auto, libraries: String::new() }
    }
}
