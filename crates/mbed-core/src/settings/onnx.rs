//! What only the ONNX backend knows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What only the ONNX backend knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OnnxSettings {
    /// What computes in ONNX Runtime. One that its library lacks, or that does not start, is an error; `mbed devices`
    /// lists those that the library has.
    #[schemars(extend("examples" = ["cuda"]))]
    pub provider: OnnxProvider,
    /// How far ONNX Runtime rewrites graphs when it loads them.
    #[schemars(extend("examples" = ["basic"]))]
    pub optimization: OnnxOptimization,
}

/// An execution provider of ONNX Runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnnxProvider {
    /// The processor.
    #[default]
    Cpu,
    /// NVIDIA's CUDA.
    Cuda,
    /// NVIDIA's TensorRT.
    TensorRt,
    /// Intel's OpenVINO.
    OpenVino,
    /// DirectML of Windows.
    DirectMl,
    /// Core ML of macOS.
    CoreMl,
}

/// How far graphs are rewritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnnxOptimization {
    /// Not at all.
    Off,
    /// What is not needed is left out.
    Basic,
    /// Operators are joined too.
    Extended,
    /// The layout of data is changed too.
    #[default]
    All,
}
