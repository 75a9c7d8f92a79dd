//! From a model in memory to open sessions: which backend, which devices, which precision.

use std::iter::repeat_n;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread;

use mbed_core::settings::{DeviceChoice, PrecisionSetting, RuntimeSettings};
use mbed_core::{
    Backend, BackendError, DeviceInfo, DeviceMemory, ModelSource, OpenRequest, Precision, PrecisionChoice,
    Session,
};
use mbed_engine::Reopen;

use crate::{Error, Refusal};

/// Sessions of one backend, and how it came to be this one.
pub(crate) struct Chosen {
    pub(crate) backend: &'static str,
    pub(crate) sessions: Vec<Box<dyn Session>>,
    pub(crate) passed_over: Vec<Refusal>,
    /// How a session is opened anew whose device was lost, where devices can be.
    pub(crate) reopen: Option<Reopen>,
}

/// Opens the model on the first candidate that can run it. Only a model that a backend does not run passes on to
/// the next; every other refusal, such as a precision that it lacks, is the answer.
pub(crate) fn open_sessions(
    candidates: Vec<Box<dyn Backend>>,
    source: &ModelSource,
    settings: &RuntimeSettings,
) -> Result<Chosen, Error> {
    let mut passed_over = Vec::new();
    for backend in candidates {
        match open_on(backend.as_ref(), source, settings) {
            Ok((sessions, requests)) => {
                tell(backend.name(), &sessions);
                let name = backend.name();
                // The processor cannot be lost without this process, and requests hold on to the model.
                let mut memories = sessions.iter().map(|session| session.device_memory());
                let is_own = memories.any(|memory| memory != DeviceMemory::Host);
                let reopen = is_own.then(|| reopening(backend, requests));
                return Ok(Chosen { backend: name, sessions, passed_over, reopen });
            }
            Err(Error::Backend(BackendError::UnsupportedModel { backend, reason })) => {
                tracing::info!(backend, reason, "passed over");
                passed_over.push(Refusal { backend, reason });
            }
            Err(error) => return Err(error),
        }
    }
    let architecture = match source {
        ModelSource::Foreign(model) => model.architecture.clone(),
        ModelSource::Graph(model) => model.architecture.clone(),
        ModelSource::Spec { spec, .. } => spec.family.clone(),
        _ => "unknown".to_owned(),
    };
    Err(Error::NoBackend { architecture, refusals: passed_over, known: mbed_model::known_families() })
}

fn reopening(backend: Box<dyn Backend>, requests: Vec<OpenRequest>) -> Reopen {
    Reopen::new(move |session| match requests.get(session) {
        Some(request) => backend.open(request.clone()),
        None => Err(BackendError::NoSuchDevice {
            backend: backend.name(),
            index: 0,
            reason: "no such session was opened".to_owned(),
        }),
    })
}

/// Sessions with what they were opened with, in the same order.
type Opened = (Vec<Box<dyn Session>>, Vec<OpenRequest>);

/// A session for each worker on each device.
fn open_on(backend: &dyn Backend, source: &ModelSource, settings: &RuntimeSettings) -> Result<Opened, Error> {
    let probe = backend.probe();
    let numbers: Vec<u32> = match &settings.devices {
        DeviceChoice::All => probe.devices().iter().map(|device| device.id.index).collect(),
        DeviceChoice::Numbers(numbers) => numbers.clone(),
    };
    let usual = || {
        let all = settings.threads.unwrap_or_else(mbed_monitor::cores).get();
        backend.usual_workers(NonZeroUsize::new(all / numbers.len().max(1)).unwrap_or(NonZeroUsize::MIN))
    };
    let workers = settings.workers_per_device.unwrap_or_else(usual).get();
    let threads = threads(settings.threads, numbers.len().saturating_mul(workers));
    let (mut sessions, mut requests) = (Vec::new(), Vec::new());
    for number in numbers {
        let device = probe.devices().iter().find(|device| device.id.index == number);
        let precision = precision(settings.precision, device)?;
        let request = OpenRequest::new(source.clone())
            .with_device(Some(number))
            .with_precision(precision)
            .with_threads(threads);
        sessions.extend(open_workers(backend, &request, workers)?);
        requests.extend(repeat_n(request, workers));
    }
    Ok((sessions, requests))
}

/// So many sessions of one device, opened side by side: much of the work is for one thread.
fn open_workers(
    backend: &dyn Backend,
    request: &OpenRequest,
    workers: usize,
) -> Result<Vec<Box<dyn Session>>, BackendError> {
    thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(|| backend.open(request.clone()))).collect();
        let first = backend.open(request.clone());
        let others =
            others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        std::iter::once(first).chain(others).collect()
    })
}

/// The threads of one of so many sessions. A lone one that nobody bounds takes what it finds.
fn threads(all: Option<NonZeroUsize>, sessions: usize) -> Option<NonZeroUsize> {
    if sessions <= 1 {
        return all;
    }
    let all = all.unwrap_or_else(mbed_monitor::cores).get();
    Some(NonZeroUsize::new(all / sessions).unwrap_or(NonZeroUsize::MIN))
}

/// What to ask a device for. One that nobody knows is asked too: the backend says best why there is none.
fn precision(setting: PrecisionSetting, device: Option<&DeviceInfo>) -> Result<PrecisionChoice, Error> {
    match (setting, device) {
        (PrecisionSetting::Exactly(precision), _) => Ok(PrecisionChoice::Exactly(precision)),
        (PrecisionSetting::Auto, _) | (PrecisionSetting::Mixed, None) => Ok(PrecisionChoice::Auto),
        (PrecisionSetting::Mixed, Some(device)) => {
            // A device lists what it is fastest in first.
            let is_half = |precision: &&Precision| matches!(precision, Precision::Bf16 | Precision::F16);
            let half = device.precisions.iter().find(is_half);
            half.copied().map(PrecisionChoice::Exactly).ok_or_else(|| Error::NoMixedPrecision {
                device: device.id.clone(),
                supported: device.precisions.clone(),
            })
        }
    }
}

/// Says what was chosen.
fn tell(backend: &str, sessions: &[Box<dyn Session>]) {
    for session in sessions {
        let capabilities = session.capabilities();
        let (device, precision) = (&capabilities.device, capabilities.precision);
        tracing::info!(backend, %device, %precision, "opened");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use mbed_core::spec::{HeadSpec, Pooling};
    use mbed_core::{DeviceId, ForeignModel, Probe};

    use super::*;

    #[test]
    fn mixed_precision_is_the_first_16_bit_format_of_the_device() {
        let check = |precisions: &[Precision], expected: Option<Precision>| {
            let device = DeviceInfo::new(DeviceId::new("cuda", 0), "a card".to_owned(), precisions.to_vec());
            let found = precision(PrecisionSetting::Mixed, Some(&device));
            assert_eq!(found.ok(), expected.map(PrecisionChoice::Exactly), "{precisions:?}");
        };
        check(&[Precision::Tf32, Precision::Bf16, Precision::F16], Some(Precision::Bf16));
        check(&[Precision::F16, Precision::Bf16, Precision::F32], Some(Precision::F16));
        check(&[Precision::F32, Precision::Int8], None);
    }

    #[test]
    fn sessions_share_the_threads() {
        let check = |all, sessions, expected| {
            assert_eq!(
                threads(NonZeroUsize::new(all), sessions),
                NonZeroUsize::new(expected),
                "{all} {sessions}"
            );
        };
        check(8, 1, 8);
        check(8, 3, 2);
        check(2, 4, 1);
        assert_eq!(threads(None, 1), None);
    }

    /// Has one device on which two sessions are best, refuses every model and remembers the threads they were to have.
    #[derive(Default)]
    struct Pairs(Mutex<Vec<Option<NonZeroUsize>>>);

    impl Backend for Pairs {
        fn name(&self) -> &'static str {
            "pairs"
        }

        fn probe(&self) -> Probe {
            let device = DeviceInfo::new(DeviceId::new("pairs", 0), "a device".to_owned(), Vec::new());
            Probe::Found(vec![device])
        }

        fn usual_workers(&self, threads: NonZeroUsize) -> NonZeroUsize {
            threads.min(NonZeroUsize::MIN.saturating_add(1))
        }

        fn open(&self, request: OpenRequest) -> Result<Box<dyn Session>, BackendError> {
            self.0.lock().unwrap().push(request.threads);
            Err(BackendError::UnsupportedModel { backend: "pairs", reason: "any".to_owned() })
        }
    }

    #[test]
    fn a_backend_says_how_many_sessions_are_best_where_nobody_else_does() {
        let check = |all, workers, expected: &[usize]| {
            let backend = Pairs::default();
            let mut settings = RuntimeSettings::default();
            (settings.threads, settings.workers_per_device) = (NonZeroUsize::new(all), workers);
            let model = ForeignModel {
                architecture: "any".to_owned(),
                config: "{}".into(),
                tensors: Arc::default(),
                hidden: 1,
                max_tokens: 1,
                head: HeadSpec { pooling: vec![Pooling::Mean], stages: Vec::new() },
                head_weights: Arc::default(),
            };
            assert!(open_on(&backend, &ModelSource::Foreign(model), &settings).is_err());
            let threads: Vec<_> = backend.0.into_inner().unwrap();
            assert_eq!(threads.into_iter().flatten().map(NonZeroUsize::get).collect::<Vec<_>>(), expected);
        };
        check(8, None, &[4, 4]);
        check(1, None, &[1]);
        check(8, NonZeroUsize::new(1), &[8]);
        check(8, NonZeroUsize::new(4), &[2, 2, 2, 2]);
    }
}
