//! Opening fake sessions.

use std::sync::Arc;

use mbed_core::spec::{
    Activation, AttentionSpec, EmbeddingSpec, EncoderSpec, FeedForwardSpec, HeadSpec, NormSpec, Pooling,
    PositionSpec,
};
use mbed_core::{
    Backend, BackendError, DeviceId, DeviceInfo, ModelSource, OpenRequest, Precision, PrecisionChoice, Probe,
    Session, Weights,
};

use super::session::FakeSession;
use super::{FakeLog, FakeOptions};

/// Rows of the token table of [`source`].
pub const VOCABULARY: usize = 1000;
/// Rows of the segment table of [`source`].
pub const SEGMENTS: usize = 2;
/// The most tokens of a sequence of [`source`].
pub const MAX_TOKENS: usize = 64;

pub(super) const NAME: &str = "fake";
pub(super) const DEVICE: DeviceId = DeviceId::new(NAME, 0);

/// The fake backend: one device, in binary32.
#[derive(Clone, Debug, Default)]
pub struct FakeBackend {
    options: FakeOptions,
    log: FakeLog,
}

impl FakeBackend {
    /// A backend whose sessions behave like this.
    #[must_use]
    pub fn new(options: FakeOptions) -> Self {
        Self { options, log: FakeLog::default() }
    }

    /// What its sessions are given, to be asked while they work.
    #[must_use]
    pub fn log(&self) -> FakeLog {
        self.log.clone()
    }
}

/// A model for it: the sizes of its tables, and no weights.
#[must_use]
pub fn source() -> ModelSource {
    let spec = EncoderSpec {
        family: NAME.to_owned(),
        vocabulary: VOCABULARY,
        hidden: super::DIMENSIONS,
        embedding: EmbeddingSpec { segments: SEGMENTS, ..EmbeddingSpec::plain(super::DIMENSIONS) },
        position: PositionSpec::learned(MAX_TOKENS),
        attention: AttentionSpec::plain(1, super::DIMENSIONS),
        feed_forward: FeedForwardSpec::plain(1, Activation::Identity),
        norm: NormSpec::after(1e-12),
        layers: Vec::new(),
        head: HeadSpec { pooling: vec![Pooling::Mean], stages: Vec::new() },
    };
    ModelSource::Spec { spec, weights: Arc::new(Weights::new()) }
}

impl Backend for FakeBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Probe {
        Probe::Found(vec![DeviceInfo::new(DEVICE, "a device for tests".to_owned(), vec![Precision::F32])])
    }

    fn open(&self, request: OpenRequest) -> Result<Box<dyn Session>, BackendError> {
        if let Some(index) = request.device.filter(|&index| index != 0) {
            let reason = format!("it has one, `{DEVICE}`");
            return Err(BackendError::NoSuchDevice { backend: NAME, index, reason });
        }
        match request.precision {
            PrecisionChoice::Auto | PrecisionChoice::Exactly(Precision::F32) => {}
            PrecisionChoice::Exactly(precision) => {
                let supported = vec![Precision::F32];
                return Err(BackendError::UnsupportedPrecision { device: DEVICE, precision, supported });
            }
        }
        let reason = match request.source {
            ModelSource::Spec { spec, .. } => {
                let session = FakeSession::new(&spec, self.options.clone(), self.log.clone());
                return Ok(Box::new(session));
            }
            ModelSource::Foreign(model) => {
                format!("it does not know the architecture `{}`", model.architecture)
            }
            _ => "it takes encoder specs only".to_owned(),
        };
        Err(BackendError::UnsupportedModel { backend: NAME, reason })
    }
}
