//! Every setting in one place.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BatchingSettings, ChunkingSettings, CudaSettings, LoggingSettings, MemorySettings, ModelSettings,
    OnnxSettings, PipelineSettings, RuntimeSettings,
};

/// Every setting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A set of values that ship with mbed, for one purpose. Every other layer is stronger.
    #[schemars(extend("examples" = ["throughput"]))]
    pub preset: Option<String>,
    /// Which model, and how its vectors are made.
    pub model: ModelSettings,
    /// What computes them.
    pub runtime: RuntimeSettings,
    /// How work is cut into batches.
    pub batching: BatchingSettings,
    /// How much memory is used, and what happens where it runs short.
    pub memory: MemorySettings,
    /// What only the CUDA backend knows.
    pub cuda: CudaSettings,
    /// What only the ONNX backend knows.
    pub onnx: OnnxSettings,
    /// How long texts are cut into chunks.
    pub chunking: ChunkingSettings,
    /// How files are read and written.
    pub pipeline: PipelineSettings,
    /// What is told on the way, on standard error.
    pub logging: LoggingSettings,
}
