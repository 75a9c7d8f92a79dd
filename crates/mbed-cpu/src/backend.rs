//! What this machine's processor is, and how a session on it is opened.

use std::num::NonZeroUsize;
use std::thread;

use mbed_core::{
    Backend, BackendError, DeviceInfo, ModelSource, OpenRequest, Precision, PrecisionChoice, Probe, Session,
};

use crate::encoder::Encoder;
use crate::failure::DEVICE;
use crate::session::CpuSession;

/// The CPU backend, called `cpu`. It has one device, all cores that the process may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuBackend;

impl Backend for CpuBackend {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn probe(&self) -> Probe {
        let mut device = DeviceInfo::new(DEVICE, processor_name(), vec![Precision::F32]);
        device.parallelism = thread::available_parallelism().ok().map(NonZeroUsize::get);
        device.details = vec![("instruction sets".to_owned(), instruction_sets().join(", "))];
        Probe::Found(vec![device])
    }

    fn open(&self, request: OpenRequest) -> Result<Box<dyn Session>, BackendError> {
        if let Some(index) = request.device.filter(|&index| index != 0) {
            let reason = "all cores together are device 0".to_owned();
            return Err(BackendError::NoSuchDevice { backend: "cpu", index, reason });
        }
        match request.precision {
            PrecisionChoice::Auto | PrecisionChoice::Exactly(Precision::F32) => {}
            PrecisionChoice::Exactly(precision) => {
                let supported = vec![Precision::F32];
                return Err(BackendError::UnsupportedPrecision { device: DEVICE, precision, supported });
            }
        }
        let encoder = match request.source {
            ModelSource::Spec { spec, weights } => Encoder::new(spec, &weights)?,
            ModelSource::Foreign(model) => {
                let reason =
                    format!("there is no encoder spec for the architecture `{}`", model.architecture);
                return Err(BackendError::UnsupportedModel { backend: "cpu", reason });
            }
            _ => {
                let reason = "it takes encoder specs only".to_owned();
                return Err(BackendError::UnsupportedModel { backend: "cpu", reason });
            }
        };
        let threads = request.threads.or_else(|| thread::available_parallelism().ok());
        let session = CpuSession::new(encoder, threads.unwrap_or(NonZeroUsize::MIN), processor_name())?;
        Ok(Box::new(session))
    }
}

#[cfg(target_arch = "x86_64")]
fn processor_name() -> String {
    let name = raw_cpuid::CpuId::new().get_processor_brand_string();
    name.map_or_else(|| "x86_64".to_owned(), |name| name.as_str().trim().to_owned())
}

#[cfg(not(target_arch = "x86_64"))]
fn processor_name() -> String {
    std::env::consts::ARCH.to_owned()
}

/// The instruction sets that the products here make use of, as far as this processor has them.
#[cfg(target_arch = "x86_64")]
fn instruction_sets() -> Vec<&'static str> {
    let found = [
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ("fma", std::is_x86_feature_detected!("fma")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
    ];
    let names: Vec<_> = found.into_iter().filter(|(_, found)| *found).map(|(name, _)| name).collect();
    if names.is_empty() { vec!["sse2"] } else { names }
}

#[cfg(not(target_arch = "x86_64"))]
fn instruction_sets() -> Vec<&'static str> {
    vec![std::env::consts::ARCH]
}
