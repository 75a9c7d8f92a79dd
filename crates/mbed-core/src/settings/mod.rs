//! What people can choose, as one tree of types. Read in layers elsewhere; inner code sees only these.
//!
//! The types are also where everything else is generated from: documentation comments become the reference, and the
//! attributes of `schemars` add what a type cannot say. `x-unit` names the unit of a plain number, `examples` holds a
//! value to show, and `x-effect = "planned"` marks what no part of mbed acts on yet.

mod auto_count;
mod batching;
mod byte_size;
mod chunk_size;
mod chunking;
mod cuda;
mod devices;
mod logging;
mod memory;
mod model;
mod named_values;
mod number;
mod onnx;
mod pipeline;
mod runtime;
mod threshold;
mod tree;

pub use batching::BatchingSettings;
pub use byte_size::{BadByteSize, ByteSize};
pub use chunk_size::{BadChunkSize, ChunkSize, SizeUnit};
pub use chunking::{ChunkPooling, ChunkingSettings, ChunkingStrategy};
pub use cuda::{CudaSettings, GraphChoice};
pub use devices::{BadDevices, DeviceChoice};
pub use logging::{BadLogLevels, LogFormat, LogLevel, LogLevels, LoggingSettings};
pub use memory::{Adapt, GrowthSettings, MemorySettings};
pub use model::{ModelSettings, Normalize, Overflow, PromptChoice};
pub use named_values::{BadNamedValues, NamedValues};
pub use number::{Factor, Fraction, OutOfRange};
pub use onnx::{OnnxBuckets, OnnxOptimization, OnnxProvider, OnnxSettings};
pub use pipeline::{InvalidText, PipelineSettings};
pub use runtime::{BackendChoice, InstructionSet, PrecisionSetting, RuntimeSettings};
pub use threshold::{BadThreshold, Threshold};
pub use tree::Settings;
