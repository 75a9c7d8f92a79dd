//! The one seam: a [`Backend`] finds devices and opens sessions, a [`Session`] embeds batches.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::spec::{EncoderSpec, HeadSpec};
use crate::{
    BackendError, Batch, Bytes, Capabilities, DeviceId, Embeddings, Precision, PrecisionChoice, Probe,
    Tensor, Weights,
};

/// A way to compute embeddings: a library, a kind of hardware.
///
/// A backend reads no settings and no environment variables and never looks for a model: all it needs comes in
/// the [`OpenRequest`].
pub trait Backend: Send + Sync {
    /// The lower-case name that settings and flags use.
    fn name(&self) -> &'static str;

    /// What this machine has for it. Never fails and never panics: absent hardware is a reason in words.
    fn probe(&self) -> Probe;

    /// Whether it can run models of this kind at all. Nothing is loaded, so [`Backend::open`] may still refuse one.
    ///
    /// By default those that have an encoder spec.
    ///
    /// # Errors
    /// It cannot ([`BackendError::UnsupportedModel`]).
    fn accepts(&self, source: &ModelSource) -> Result<(), BackendError> {
        let reason = match source {
            ModelSource::Spec { .. } => return Ok(()),
            ModelSource::Foreign(model) => {
                format!("there is no encoder spec for the architecture `{}`", model.architecture)
            }
            ModelSource::Graph(_) => {
                "its encoder is a graph in ONNX, and there are no other weights".to_owned()
            }
        };
        Err(BackendError::UnsupportedModel { backend: self.name(), reason })
    }

    /// How many sessions are best on one of its devices where so many threads are for all of them and nobody chose a
    /// number, at least one.
    ///
    /// By default one: a session uses all threads by itself.
    fn usual_workers(&self, _threads: NonZeroUsize) -> NonZeroUsize {
        NonZeroUsize::MIN
    }

    /// Loads a model onto a device.
    ///
    /// Nothing is replaced in silence: a device or precision that was asked for and cannot be had is an error.
    ///
    /// # Errors
    /// The device, precision or model cannot be had ([`BackendError::NoSuchDevice`],
    /// [`BackendError::UnsupportedPrecision`], [`BackendError::UnsupportedModel`]), a tensor is missing or
    /// misshapen ([`BackendError::Weights`]), or there is no room ([`BackendError::OutOfMemory`]).
    fn open(&self, request: OpenRequest) -> Result<Box<dyn Session>, BackendError>;
}

/// A model on a device, ready to embed.
///
/// The contract, each sentence with a conformance case of the same name:
/// * *Rows follow spans*: `output` has one row for each span of the batch, in the order of the spans, each
///   [`Capabilities::dimensions`] long.
/// * *Neighbours do not matter*: a vector does not depend on what else is in the batch, to the extent that
///   [`Capabilities::invariance`] states.
/// * *An empty batch is no rows*; *an empty span is zeros before the head's later stages*.
/// * *Bad batches are refused*: a token outside the vocabulary, a sequence over
///   [`Capabilities::max_tokens`], a span that is not supported. The session stays usable.
/// * *Out of memory leaves the session usable*: after [`BackendError::OutOfMemory`] a batch that fits gives the
///   same vectors as before.
pub trait Session: Send {
    /// What the session can do. Never changes while it is open.
    fn capabilities(&self) -> &Capabilities;

    /// Embeds `batch` into `output`, which takes the shape `batch.rows() × dimensions`. What `output` held
    /// before is lost, also when there is an error.
    ///
    /// # Errors
    /// See the contract above; [`BackendError::DeviceLost`] and [`BackendError::Failed`] where the machinery
    /// below breaks.
    fn embed(&mut self, batch: &Batch, output: &mut Embeddings) -> Result<(), BackendError>;

    /// Does now what the first batch would otherwise wait for. Does nothing by default.
    ///
    /// # Errors
    /// As [`Session::embed`].
    fn warm_up(&mut self) -> Result<(), BackendError> {
        Ok(())
    }

    /// Measures from now on what its stages take, see [`Session::stages`]. Does nothing by default.
    fn profile(&mut self) {}

    /// What its stages took since [`Session::profile`], over all threads, in the order of a layer. None by default.
    fn stages(&self) -> Vec<StageTime> {
        Vec::new()
    }

    /// What the session holds on its device. Unknown by default.
    fn memory(&self) -> SessionMemory {
        SessionMemory::default()
    }

    /// Whose memory it computes in, and how much of that there is. This machine's by default.
    fn device_memory(&self) -> DeviceMemory {
        DeviceMemory::Host
    }

    /// Gives back memory that is kept for reuse. Does nothing by default.
    fn trim(&mut self) {}
}

/// What a stage of a session took.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct StageTime {
    /// What people call it.
    pub stage: &'static str,
    /// Over all threads.
    pub time: Duration,
    /// Operations of its products, two for a multiplication with its addition; 0 where they do not count.
    pub operations: u64,
    /// Operations a second that one thread was measured to reach in products of this kind, where that was measured.
    pub peak: Option<f64>,
}

impl StageTime {
    /// A stage and what it took.
    #[must_use]
    pub const fn new(stage: &'static str, time: Duration, operations: u64, peak: Option<f64>) -> Self {
        Self { stage, time, operations, peak }
    }
}

/// Whose memory a session computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceMemory {
    /// This machine's, whose limits whoever asks can read as well.
    Host,
    /// The device's own.
    Own {
        /// All of it.
        total: Bytes,
        /// What nobody holds at this moment.
        free: Bytes,
    },
    /// The device's own, and it cannot be told how much that is.
    Unknown,
}

/// Memory that a session holds on its device, where it can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionMemory {
    /// Weights as they lie on the device.
    pub weights: Option<Bytes>,
    /// Buffers kept between batches.
    pub workspace: Option<Bytes>,
}

/// All that a backend needs to open a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenRequest {
    /// The model.
    pub source: ModelSource,
    /// The device by number; `None` takes the backend's first.
    pub device: Option<u32>,
    /// The precision.
    pub precision: PrecisionChoice,
    /// How many threads the session may compute with; `None` takes one a core that this process may use.
    pub threads: Option<NonZeroUsize>,
}

impl OpenRequest {
    /// The backend's own choice of device, precision and threads for `source`.
    #[must_use]
    pub const fn new(source: ModelSource) -> Self {
        Self { source, device: None, precision: PrecisionChoice::Auto, threads: None }
    }

    /// Asks for a precision.
    #[must_use]
    pub const fn with_precision(mut self, precision: PrecisionChoice) -> Self {
        self.precision = precision;
        self
    }

    /// Asks for a device by number.
    #[must_use]
    pub const fn with_device(mut self, device: Option<u32>) -> Self {
        self.device = device;
        self
    }

    /// Bounds the threads of the session.
    #[must_use]
    pub const fn with_threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// Proves that nothing but the only device of `backend` was asked for.
    ///
    /// # Errors
    /// Another device was ([`BackendError::NoSuchDevice`]).
    pub fn check_only_device(&self, backend: &'static str) -> Result<(), BackendError> {
        match self.device {
            None | Some(0) => Ok(()),
            Some(index) => {
                let reason = format!("it has one, `{}`", DeviceId::new(backend, 0));
                Err(BackendError::NoSuchDevice { backend, index, reason })
            }
        }
    }
}

/// A model in one of the forms that backends take. A backend refuses by name the forms it does not.
#[derive(Clone)]
#[non_exhaustive]
pub enum ModelSource {
    /// An architecture as data with weights by canonical name; every backend of ours takes it.
    Spec {
        /// The architecture.
        spec: EncoderSpec,
        /// The weights, checked against the spec by whoever loaded them.
        weights: Arc<Weights>,
    },
    /// A model of an architecture that has no spec, for a backend with a library of architectures of its own.
    Foreign(ForeignModel),
    /// A model whose encoder is a finished graph, for a backend that runs such graphs.
    Graph(GraphModel),
}

/// A model whose encoder is a finished graph, in ONNX.
#[derive(Clone)]
pub struct GraphModel {
    /// `model_type` of its `config.json`.
    pub architecture: String,
    /// The same encoder in files of several precisions, the one to prefer first.
    pub files: Vec<GraphFile>,
    /// Length of the hidden state of a token.
    pub hidden: usize,
    /// The most tokens that a sequence may have.
    pub max_tokens: usize,
    /// Rows of the token embedding.
    pub vocabulary: usize,
    /// How many segments there are.
    pub segments: usize,
    /// Pooling and what comes after it.
    pub head: HeadSpec,
    /// The head's own weights.
    pub head_weights: Arc<Weights>,
}

/// A file with a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphFile {
    /// The file.
    pub path: PathBuf,
    /// What it computes in, where its name tells.
    pub precision: Option<Precision>,
}

/// A model that is not described by an [`EncoderSpec`]: its own configuration and its own tensor names.
#[derive(Clone)]
pub struct ForeignModel {
    /// `model_type` of its `config.json`.
    pub architecture: String,
    /// The whole `config.json`.
    pub config: Arc<str>,
    /// The tensors by the names they have in its files.
    pub tensors: Arc<BTreeMap<String, Tensor>>,
    /// Length of the hidden state of a token.
    pub hidden: usize,
    /// The most tokens that a sequence may have.
    pub max_tokens: usize,
    /// Pooling and what comes after it.
    pub head: HeadSpec,
    /// The head's own weights.
    pub head_weights: Arc<Weights>,
}

impl fmt::Debug for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec { spec, .. } => f.debug_struct("Spec").field("spec", spec).finish_non_exhaustive(),
            Self::Foreign(model) => model.fmt(f),
            Self::Graph(model) => model.fmt(f),
        }
    }
}

impl fmt::Debug for GraphModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphModel").field("files", &self.files).finish_non_exhaustive()
    }
}

impl fmt::Debug for ForeignModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignModel").field("architecture", &self.architecture).finish_non_exhaustive()
    }
}
