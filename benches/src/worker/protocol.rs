//! What parent and child say to each other.

use std::path::PathBuf;

use mbed::settings::Settings;
use serde::{Deserialize, Serialize};

use crate::lengths::TokenLengths;

/// What the parent wants.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Opens a model; the first request.
    Open {
        /// Everything that was chosen.
        settings: Box<Settings>,
        /// A file of texts, one JSON string a line.
        texts: PathBuf,
    },
    /// Embeds so many texts in one run, the next ones in turn and from the start again where they end.
    Run {
        /// How many.
        rows: usize,
    },
    /// Embeds texts each by itself.
    Alone {
        /// How many at most.
        calls: usize,
        /// When to stop.
        seconds: f64,
    },
    /// Embeds all texts of a file of JSON strings and writes their vectors: rows × dimensions of binary32, little-endian.
    Embed {
        /// The texts.
        texts: PathBuf,
        /// Where vectors go.
        vectors: PathBuf,
    },
}

/// What the child answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The model is open.
    Opened(Box<Opened>),
    /// A run is done.
    Ran(Ran),
    /// What each text took, in milliseconds.
    Alone(Vec<f64>),
    /// Vectors are written.
    Embedded {
        /// How many.
        rows: usize,
        /// How long each is.
        dimensions: usize,
    },
    /// What was wanted cannot be had.
    Failed {
        /// An error with its causes and its hint, in one line.
        reason: String,
    },
}

/// An open model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// The backend that runs it.
    pub backend: String,
    /// The device.
    pub device: String,
    /// What its maker calls that.
    pub device_name: String,
    /// What it really computes in.
    pub precision: String,
    /// The length of its vectors.
    pub dimensions: usize,
    /// Where the model came from, as far as its name tells.
    pub model: String,
    /// Values of all its tensors together, where it has any that are known.
    pub parameters: usize,
    /// Seconds until the model was open.
    pub load_s: f64,
    /// Seconds that its first text took after that.
    pub first_s: f64,
    /// How many tokens texts have.
    pub lengths: TokenLengths,
    /// Floating-point operations that all texts need once, where the architecture is known.
    pub operations: Option<f64>,
    /// Bytes of weights that one forward pass reads, at the width of the precision.
    pub weight_bytes: Option<f64>,
}

/// A run that is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ran {
    /// Texts.
    pub rows: usize,
    /// Their tokens, special ones included, padding not.
    pub tokens: u64,
    /// Texts that were cut.
    pub truncated: u64,
    /// From the first read to the last write.
    pub seconds: f64,
    /// Seconds that cores worked for it.
    pub processor_s: Option<f64>,
    /// What each batch took in the session, in milliseconds, in the order in which they ended.
    pub batch_ms: Vec<f64>,
    /// Token places that batches took up, padding included where a backend pads.
    pub places: u64,
    /// The most memory that the process has had resident.
    pub peak_bytes: Option<u64>,
}
