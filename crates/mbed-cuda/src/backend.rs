//! What the seam asks for.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use mbed_core::settings::CudaSettings;
use mbed_core::{
    Backend, BackendError, DeviceId, DeviceInfo, ModelSource, OpenRequest, Precision, PrecisionChoice, Probe,
    Session,
};

use crate::card::{Card, lock};
use crate::driver::{DeviceFacts, Driver, Numbers};
use crate::failure::NAME;
use crate::probe::{LibrarySearch, ThisMachine, find, precisions};
use crate::session::{self, Pinning, SessionOptions};
use crate::{Nvidia, failure};

/// What the backend is told by those who know settings and environment.
#[derive(Clone, Debug)]
pub struct CudaOptions {
    /// Where libraries may be.
    pub libraries: LibrarySearch,
    /// What `CUDA_VISIBLE_DEVICES` is, for messages: the driver itself honours it.
    pub visible_devices: Option<String>,
    /// Where compiled kernels are kept, if anywhere.
    pub kernel_cache: Option<PathBuf>,
    /// The part of a device's memory that sessions may take, 0 to 1.
    pub memory_fraction: f64,
    /// What people chose.
    pub settings: CudaSettings,
    /// Tokens of a part, unless a single sequence has more: parts of a batch are on their way at the same time. By default
    /// enough to fill the largest cards.
    pub part_tokens: NonZeroUsize,
}

/// A forward pass of the smallest models takes a millisecond for so many tokens on the largest cards, which hides its copies
/// behind arithmetic and its launches behind both.
const PART_TOKENS: NonZeroUsize = NonZeroUsize::new(16 * 1024).unwrap();

impl Default for CudaOptions {
    fn default() -> Self {
        Self {
            libraries: LibrarySearch::default(),
            visible_devices: None,
            kernel_cache: None,
            memory_fraction: 1.0,
            settings: CudaSettings::default(),
            part_tokens: PART_TOKENS,
        }
    }
}

/// The backend on NVIDIA's cards, called `cuda`. Sessions on the same device share its memory and the model's weights.
///
/// ```
/// use mbed_core::{Backend, Probe};
/// use mbed_cuda::{CudaBackend, CudaOptions};
///
/// match CudaBackend::new(CudaOptions::default()).probe() {
///     Probe::Found(devices) => assert!(!devices.is_empty()),
///     Probe::Absent(reason) => assert!(reason.contains("install"), "{reason}"),
/// }
/// ```
pub struct CudaBackend {
    options: CudaOptions,
    ready: OnceLock<Result<Ready, String>>,
    cards: Mutex<HashMap<u32, Weak<Card>>>,
}

/// A driver that answers.
struct Ready {
    driver: Arc<dyn Driver>,
    devices: Vec<DeviceFacts>,
    /// Facts of the machine to show with each device.
    details: Vec<(String, String)>,
}

impl fmt::Debug for CudaBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CudaBackend").field("options", &self.options).finish_non_exhaustive()
    }
}

impl CudaBackend {
    /// The backend of this machine; nothing is looked for until it is asked.
    #[must_use]
    pub fn new(options: CudaOptions) -> Self {
        Self { options, ready: OnceLock::new(), cards: Mutex::default() }
    }

    /// The backend on another driver, as tests have one.
    #[must_use]
    pub fn with_driver(driver: Arc<dyn Driver>, options: CudaOptions) -> Self {
        let devices = driver.devices().map_err(|error| error.to_string());
        let ready = devices.map(|devices| Ready { driver, devices, details: Vec::new() });
        Self { options, ready: OnceLock::from(ready), cards: Mutex::default() }
    }

    fn ready(&self) -> Result<&Ready, &str> {
        self.ready.get_or_init(|| self.look()).as_ref().map_err(String::as_str)
    }

    fn look(&self) -> Result<Ready, String> {
        let CudaOptions { libraries, visible_devices, kernel_cache, .. } = &self.options;
        let found = find(&ThisMachine, libraries, visible_devices.as_deref());
        let found = found.map_err(|absence| absence.to_string())?;
        let driver = Nvidia::new(kernel_cache.clone()).map_err(|error| error.to_string())?;
        let mut details = vec![
            ("driver's CUDA".to_owned(), found.driver.to_string()),
            ("NVRTC".to_owned(), found.nvrtc.to_string()),
            ("cublasLt".to_owned(), found.lt.to_string()),
        ];
        details.extend(found.refused.into_iter().map(|refused| ("not used".to_owned(), refused)));
        Ok(Ready { driver: Arc::new(driver), devices: found.devices, details })
    }

    /// The open device, shared by its sessions. One that was lost is opened afresh.
    fn card(&self, ready: &Ready, facts: &DeviceFacts) -> Result<Arc<Card>, BackendError> {
        let mut cards = lock(&self.cards);
        let known = cards.get(&facts.index).and_then(Weak::upgrade);
        if let Some(card) = known.filter(|card| card.device.memory().is_ok()) {
            return Ok(card);
        }
        let fraction = self.options.memory_fraction;
        let card = Arc::new(Card::open(Arc::clone(&ready.driver), facts.clone(), fraction)?);
        cards.insert(facts.index, Arc::downgrade(&card));
        Ok(card)
    }
}

impl Backend for CudaBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Probe {
        match self.ready() {
            Ok(ready) => {
                Probe::Found(ready.devices.iter().map(|facts| info(facts, &ready.details)).collect())
            }
            Err(reason) => Probe::Absent(reason.to_owned()),
        }
    }

    fn open(&self, request: OpenRequest) -> Result<Box<dyn Session>, BackendError> {
        self.accepts(&request.source)?;
        let ModelSource::Spec { spec, weights } = &request.source else {
            return Err(failure::unsupported("it does not take a model in this form"));
        };
        let absent = |index, reason| BackendError::NoSuchDevice { backend: NAME, index, reason };
        let wanted = request.device.unwrap_or_default();
        let ready = self.ready().map_err(|reason| absent(wanted, reason.to_owned()))?;
        let mut devices = ready.devices.iter();
        let facts = match request.device {
            Some(index) => devices.find(|facts| facts.index == index),
            None => devices.next(),
        };
        let facts = facts.ok_or_else(|| {
            let known: Vec<String> = ready.devices.iter().map(|facts| facts.index.to_string()).collect();
            absent(wanted, format!("it has {}", known.join(", ")))
        })?;
        let precision = precision(facts, request.precision)?;
        let options = SessionOptions {
            precision,
            numbers: numbers(precision),
            graphs: self.options.settings.graphs,
            part_tokens: self.options.part_tokens.get(),
            pinning: if self.options.settings.pinned_memory { Pinning::Pinned } else { Pinning::Pageable },
        };
        session::open(self.card(ready, facts)?, (spec, weights), options)
    }
}

fn info(facts: &DeviceFacts, details: &[(String, String)]) -> DeviceInfo {
    let id = DeviceId::new(NAME, facts.index);
    let mut info = DeviceInfo::new(id, facts.name.clone(), precisions(facts.capability));
    info.memory_total = Some(facts.memory);
    let own = [
        ("compute capability".to_owned(), facts.capability.to_string()),
        ("multiprocessors".to_owned(), facts.multiprocessors.to_string()),
        ("UUID".to_owned(), facts.uuid.clone()),
    ];
    info.details = own.into_iter().chain(details.iter().cloned()).collect();
    info
}

fn precision(facts: &DeviceFacts, choice: PrecisionChoice) -> Result<Precision, BackendError> {
    let supported = precisions(facts.capability);
    match choice {
        PrecisionChoice::Auto => Ok(supported.first().copied().unwrap_or(Precision::F32)),
        PrecisionChoice::Exactly(precision) if supported.contains(&precision) => Ok(precision),
        PrecisionChoice::Exactly(precision) => {
            let device = DeviceId::new(NAME, facts.index);
            Err(BackendError::UnsupportedPrecision { device, precision, supported })
        }
    }
}

const fn numbers(precision: Precision) -> Numbers {
    match precision {
        Precision::Tf32 => Numbers::Tf32,
        Precision::F16 => Numbers::F16,
        Precision::Bf16 => Numbers::Bf16,
        _ => Numbers::F32,
    }
}
