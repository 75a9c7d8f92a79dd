//! What only the ONNX backend knows.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NamedValues;
use super::auto_count::{self, AutoCount};

/// What only the ONNX backend knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OnnxSettings {
    /// What computes in ONNX Runtime. `auto` takes the first of CUDA, DirectML and the processor that the library has and
    /// that starts. One that is named and that the library lacks, that does not start or that takes nothing of the model is
    /// an error; `mbed devices` lists those that the library has.
    #[schemars(extend("examples" = ["cuda"]))]
    pub provider: OnnxProvider,
    /// Options of the provider by the names that ONNX Runtime has for them. They come before our own.
    #[schemars(extend("examples" = ["device_id=1; trt_fp16_enable=1"]))]
    pub provider_options: NamedValues,
    /// Entries of ONNX Runtime's session configuration by their names. They come before our own.
    #[schemars(extend("examples" = ["session.set_denormal_as_zero=1"]))]
    pub session_options: NamedValues,
    /// How far ONNX Runtime rewrites graphs when it loads them.
    #[schemars(extend("examples" = ["basic"]))]
    pub optimization: OnnxOptimization,
    /// Threads that compute different parts of a graph side by side; `auto` is one after the other.
    #[serde(with = "auto_count")]
    #[schemars(with = "AutoCount", extend("x-unit" = "threads", "examples" = [2]))]
    pub inter_threads: Option<NonZeroUsize>,
    /// Whether the lengths and numbers of sequences that are computed together are rounded up, so that few shapes come up
    /// again and again. `auto` does it for every provider but the processor, which gains nothing by it.
    #[schemars(extend("examples" = ["on"]))]
    pub buckets: OnnxBuckets,
}

/// An execution provider of ONNX Runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnnxProvider {
    /// The first that the library has and that starts.
    #[default]
    Auto,
    /// The processor.
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

/// Whether shapes are rounded up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnnxBuckets {
    /// Where the provider gains by it.
    #[default]
    Auto,
    /// They are.
    On,
    /// They are not.
    Off,
}
