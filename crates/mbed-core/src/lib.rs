//! The seam of mbed: what a batch, a model, a backend and a session are.
//!
//! Everything above this crate hands out work, everything beside it does the work, and they meet in
//! [`Backend`] and [`Session`] only. The crate does no I/O: no files, no network, no environment, no clock,
//! no threads, no printing.
//!
//! * [`Batch`] goes in: packed token ids, offsets and pooling spans, never padded, never ragged.
//! * [`Embeddings`] come out: `rows × dimensions` in one reusable buffer.
//! * A model is data: an [`EncoderSpec`](spec::EncoderSpec) and [`Weights`] by canonical [`TensorName`].

mod backend;
mod batch;
mod capabilities;
mod device;
mod embeddings;
mod error;
mod hint;
mod precision;
mod progress;
pub mod settings;
pub mod spec;
mod text;
mod units;
mod weights;

pub use backend::{
    Backend, DeviceMemory, ForeignModel, GraphFile, GraphModel, ModelSource, OpenRequest, Session,
    SessionMemory, StageTime,
};
pub use batch::{Batch, SequenceRef, Span, SpanError, Token};
pub use capabilities::{AttentionMemory, BatchInvariance, BatchLayout, Capabilities, SpanSupport};
pub use device::{DeviceId, DeviceInfo, Probe};
pub use embeddings::Embeddings;
pub use error::BackendError;
pub use hint::Hint;
pub use precision::{Precision, PrecisionChoice, UnknownPrecision};
pub use progress::{Progress, Silent, Task};
pub use spec::TensorName;
pub use text::{PromptPooling, Prompts, SpecialTokens, TextCase, TextSpec};
pub use units::Bytes;
pub use weights::{SharedBytes, StoredType, Tensor, TensorError, Weights};
