//! What this machine's processor is, and how a session on it is opened.

use std::num::NonZeroUsize;
use std::thread;

use mbed_core::{
    Backend, BackendError, DeviceInfo, ModelSource, OpenRequest, Precision, PrecisionChoice, Probe, Session,
};

use mbed_kernels::{Isa, Level};

use crate::encoder::Encoder;
use crate::failure::DEVICE;
use crate::session::CpuSession;

const NAME: &str = "cpu";

/// The CPU backend, called `cpu`. It has one device, all cores that the process may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuBackend;

/// The CPU backend held to sets of instructions up to a level: how the paths of other machines are tried on this one.
#[derive(Clone, Copy, Debug)]
pub struct CpuBackendAtMost(pub Level);

impl Backend for CpuBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Probe {
        probe(Isa::detect())
    }

    fn open(&self, request: OpenRequest) -> Result<Box<dyn Session>, BackendError> {
        open(Isa::detect(), request)
    }
}

impl Backend for CpuBackendAtMost {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Probe {
        probe(Isa::detect().at_most(self.0))
    }

    fn open(&self, request: OpenRequest) -> Result<Box<dyn Session>, BackendError> {
        open(Isa::detect().at_most(self.0), request)
    }
}

fn probe(isa: Isa) -> Probe {
    let mut device = DeviceInfo::new(DEVICE, processor_name(), precisions(isa));
    device.parallelism = thread::available_parallelism().ok().map(NonZeroUsize::get);
    let levels = Level::ALL.into_iter().filter(|&level| isa.has(level));
    let names: Vec<&str> = levels.map(Level::name).collect();
    device.details = vec![("instruction sets".to_owned(), names.join(", "))];
    Probe::Found(vec![device])
}

/// What sessions can be opened with, what `auto` takes first.
fn precisions(isa: Isa) -> Vec<Precision> {
    if isa.has(Level::Amx) {
        vec![Precision::Bf16, Precision::F32, Precision::Int8]
    } else {
        vec![Precision::F32]
    }
}

/// The instructions that most of the work is done with.
fn path(isa: Isa, precision: Precision) -> Level {
    match precision {
        Precision::F32 => isa.level().min(Level::Avx512),
        _ => isa.level(),
    }
}

fn open(isa: Isa, request: OpenRequest) -> Result<Box<dyn Session>, BackendError> {
    if let Some(index) = request.device.filter(|&index| index != 0) {
        let reason = "all cores together are device 0".to_owned();
        return Err(BackendError::NoSuchDevice { backend: NAME, index, reason });
    }
    let supported = precisions(isa);
    let precision = match request.precision {
        PrecisionChoice::Auto => supported.first().copied().unwrap_or(Precision::F32),
        PrecisionChoice::Exactly(precision) if supported.contains(&precision) => precision,
        PrecisionChoice::Exactly(precision) => {
            return Err(BackendError::UnsupportedPrecision { device: DEVICE, precision, supported });
        }
    };
    let encoder = match request.source {
        ModelSource::Spec { spec, weights } => Encoder::new(spec, &weights, isa, precision)?,
        ModelSource::Foreign(model) => {
            let reason = format!("there is no encoder spec for the architecture `{}`", model.architecture);
            return Err(BackendError::UnsupportedModel { backend: NAME, reason });
        }
        _ => {
            let reason = "it takes encoder specs only".to_owned();
            return Err(BackendError::UnsupportedModel { backend: NAME, reason });
        }
    };
    let threads = request.threads.or_else(|| thread::available_parallelism().ok());
    let name = format!("{}, {}", processor_name(), path(isa, precision));
    let session = CpuSession::new(encoder, threads.unwrap_or(NonZeroUsize::MIN), name)?;
    Ok(Box::new(session))
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
