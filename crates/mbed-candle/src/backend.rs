//! Finding the device and opening sessions.

use mbed_core::{
    Backend, BackendError, DeviceInfo, ModelSource, OpenRequest, Precision, PrecisionChoice, Probe, Session,
};

use crate::errors::{DEVICE, NAME, unsupported};
use crate::session::{CandleSession, available_threads};
use crate::{encoder, foreign};

/// The reference backend: one device, the host's processor, in binary32.
///
/// ```
/// use mbed_core::Backend;
///
/// let devices = mbed_candle::CandleBackend.probe();
/// assert_eq!(devices.devices()[0].id.to_string(), "candle:0");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CandleBackend;

impl Backend for CandleBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Probe {
        let mut device = DeviceInfo::new(DEVICE, "CPU through candle".to_owned(), vec![Precision::F32]);
        device.parallelism = Some(available_threads());
        Probe::Found(vec![device])
    }

    fn accepts(&self, source: &ModelSource) -> Result<(), BackendError> {
        match source {
            ModelSource::Foreign(model) => foreign::knows(&model.architecture),
            _ => Ok(()),
        }
    }

    fn open(&self, request: OpenRequest) -> Result<Box<dyn Session>, BackendError> {
        request.check_only_device(NAME)?;
        check_precision(request.precision)?;
        let model = match &request.source {
            ModelSource::Spec { spec, weights } => encoder::open(spec, weights)?,
            ModelSource::Foreign(model) => foreign::open(model)?,
            other => return Err(unsupported(format!("it does not take a model in the form `{other:?}`"))),
        };
        Ok(Box::new(CandleSession::new(model, request.threads)?))
    }
}

fn check_precision(precision: PrecisionChoice) -> Result<(), BackendError> {
    match precision {
        PrecisionChoice::Auto | PrecisionChoice::Exactly(Precision::F32) => Ok(()),
        PrecisionChoice::Exactly(precision) => {
            let supported = vec![Precision::F32];
            Err(BackendError::UnsupportedPrecision { device: DEVICE, precision, supported })
        }
    }
}
