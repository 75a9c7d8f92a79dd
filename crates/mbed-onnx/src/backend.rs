//! Finding the device and opening sessions.

use std::num::NonZeroUsize;

use mbed_core::settings::OnnxSettings;
use mbed_core::{Backend, BackendError, DeviceInfo, ModelSource, OpenRequest, Probe, Session};

use crate::errors::{DEVICE, NAME, failed, unsupported};
use crate::library::LibrarySearch;
use crate::load::Loader;
use crate::open::{self, PRECISIONS};
use crate::provider::Providers;

/// ONNX Runtime: one device, the host's processor.
///
/// ```
/// use mbed_core::{Backend, Probe};
/// use mbed_onnx::{LibrarySearch, OnnxBackend};
///
/// let search = LibrarySearch { named: Some("no/such/library.so".into()), folders: Vec::new() };
/// let Probe::Absent(reason) = OnnxBackend::new(search).probe() else { panic!("it is not there") };
/// assert!(reason.contains("library.so`: is not there"), "{reason}");
/// ```
#[derive(Clone, Debug, Default)]
pub struct OnnxBackend {
    search: LibrarySearch,
    settings: OnnxSettings,
}

impl OnnxBackend {
    /// The backend with the library that `search` finds, when it is first asked for.
    #[must_use]
    pub fn new(search: LibrarySearch) -> Self {
        Self { search, settings: OnnxSettings::default() }
    }

    /// The same with what people chose.
    #[must_use]
    pub const fn with_settings(mut self, settings: OnnxSettings) -> Self {
        self.settings = settings;
        self
    }
}

impl Backend for OnnxBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self) -> Probe {
        let library = match self.search.load() {
            Ok(library) => library,
            Err(error) => return Probe::Absent(error.to_string()),
        };
        let providers = match Providers::of_library() {
            Ok(providers) => providers,
            Err(error) => return Probe::Absent(error.message().to_owned()),
        };
        let provider = match providers.get(self.settings.provider) {
            Ok(provider) => provider,
            Err(reason) => return Probe::Absent(reason),
        };
        let mut device = DeviceInfo::new(DEVICE, provider.device_name(), PRECISIONS.to_vec());
        device.parallelism = Some(available_threads());
        device.details = vec![
            ("version".to_owned(), library.version.clone()),
            ("providers".to_owned(), providers.names().join(" ")),
            ("library".to_owned(), library.path.display().to_string()),
        ];
        Probe::Found(vec![device])
    }

    fn accepts(&self, source: &ModelSource) -> Result<(), BackendError> {
        match source {
            ModelSource::Spec { .. } | ModelSource::Graph(_) => Ok(()),
            ModelSource::Foreign(model) => Err(unsupported(format!(
                "there is no encoder spec for the architecture `{}`",
                model.architecture
            ))),
            other => Err(unsupported(format!("it does not take a model in the form `{other:?}`"))),
        }
    }

    fn open(&self, request: OpenRequest) -> Result<Box<dyn Session>, BackendError> {
        let absent = |reason| {
            let index = request.device.unwrap_or_default();
            BackendError::NoSuchDevice { backend: NAME, index, reason }
        };
        let library = self.search.load().map_err(|error| absent(error.to_string()))?;
        let providers = Providers::of_library().map_err(failed)?;
        let provider = providers.get(self.settings.provider).map_err(absent)?;
        request.check_only_device(NAME)?;
        let threads = request.threads.map_or_else(available_threads, NonZeroUsize::get);
        let loader = Loader { library: &library, provider, settings: self.settings, threads };
        match &request.source {
            ModelSource::Spec { spec, weights } => {
                Ok(Box::new(open::spec((spec, weights), request.precision, &loader)?))
            }
            ModelSource::Graph(model) => Ok(Box::new(open::graph(model, request.precision, &loader)?)),
            other => {
                self.accepts(other)?;
                Err(unsupported("it does not take a model in this form"))
            }
        }
    }
}

/// One a core that this process may use. Given as a number, as ONNX Runtime would bind its own default to cores.
fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
