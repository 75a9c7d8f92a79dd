//! Why a backend could not open or compute, split by what a caller can do about it.

use std::error::Error;

use crate::{Bytes, DeviceId, Hint, Precision, TensorError};

/// Why a backend could not open or compute, split by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// Memory ran out. The session is as usable as before: try a smaller batch.
    #[error("out of memory on `{device}`: {requested} more was needed{}", free_note(*free))]
    OutOfMemory {
        /// The device that ran out.
        device: DeviceId,
        /// How much was asked for.
        requested: Bytes,
        /// How much was free at that moment, where that can be told.
        free: Option<Bytes>,
    },
    /// The device is gone for this process: open a new session, perhaps on another one.
    #[error("device `{device}` was lost")]
    DeviceLost {
        /// The device that was lost.
        device: DeviceId,
        /// What the driver said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The device that was asked for is not there: choose another.
    #[error("backend `{backend}` has no device {index}: {reason}")]
    NoSuchDevice {
        /// The backend that was asked.
        backend: &'static str,
        /// The device number that was asked for.
        index: u32,
        /// What it has instead, or why it has none.
        reason: String,
    },
    /// The precision that was asked for is not there: choose another, or leave the choice to the backend.
    #[error("`{device}` cannot run in `{precision}`")]
    UnsupportedPrecision {
        /// The device that was asked.
        device: DeviceId,
        /// The precision that was asked for.
        precision: Precision,
        /// What it can run in.
        supported: Vec<Precision>,
    },
    /// This backend cannot run this model: choose another backend.
    #[error("backend `{backend}` cannot run this model: {reason}")]
    UnsupportedModel {
        /// The backend that was asked.
        backend: &'static str,
        /// What it lacks.
        reason: String,
    },
    /// A tensor of the model is missing or misshapen: mend the model.
    #[error("the model's weights do not fit its configuration")]
    Weights(#[from] TensorError),
    /// A token that the model's embedding table has no row for: tokenizer and model do not belong together.
    #[error("{kind} {value} in sequence {sequence} is outside the model's table of {limit}")]
    TokenOutOfRange {
        /// Which number is wrong: `token id` or `type id`.
        kind: &'static str,
        /// The number.
        value: u32,
        /// How many rows the table has.
        limit: usize,
        /// The sequence it stands in.
        sequence: usize,
    },
    /// A sequence is longer than the model can take: truncate before batching.
    #[error("sequence {sequence} has {tokens} tokens, the model takes at most {limit}")]
    SequenceTooLong {
        /// The sequence.
        sequence: usize,
        /// Its length.
        tokens: usize,
        /// The model's limit.
        limit: usize,
    },
    /// The session pools whole sequences only: ask for one row a sequence.
    #[error("`{device}` pools whole sequences only")]
    SpansUnsupported {
        /// The device that was asked.
        device: DeviceId,
    },
    /// Something else failed in the backend's own machinery.
    #[error("`{device}` failed")]
    Failed {
        /// The device.
        device: DeviceId,
        /// What its library said.
        source: Box<dyn Error + Send + Sync>,
    },
}

fn free_note(free: Option<Bytes>) -> String {
    free.map_or_else(String::new, |free| format!(", {free} was free"))
}

impl Hint for BackendError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::OutOfMemory { .. } => Some("lower --batch-tokens, or free memory on the device".to_owned()),
            Self::UnsupportedPrecision { supported, .. } => {
                let names: Vec<_> = supported.iter().map(|precision| precision.name()).collect();
                Some(format!("it can run in {}; `auto` takes the first", names.join(", ")))
            }
            Self::NoSuchDevice { .. } => Some("`mbed devices` lists what each backend finds".to_owned()),
            Self::UnsupportedModel { .. } => {
                Some("`mbed devices` lists the backends of this build; try another one".to_owned())
            }
            Self::Weights(_) => Some("download the model again: `mbed model pull --force`".to_owned()),
            Self::TokenOutOfRange { .. } => {
                Some("tokenizer.json and model.safetensors are not of the same model".to_owned())
            }
            _ => None,
        }
    }
}
