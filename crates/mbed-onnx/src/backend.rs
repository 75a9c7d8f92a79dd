//! Finding the device and opening sessions.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use mbed_core::settings::OnnxSettings;
use mbed_core::{Backend, BackendError, DeviceInfo, ModelSource, OpenRequest, Probe, Session};

use crate::errors::{DEVICE, NAME, failed, unsupported};
use crate::library::{Library, LibrarySearch};
use crate::load::Loader;
use crate::open::{self, PRECISIONS};
use crate::provider::{Provider, Providers};

/// The sessions that are best on the processor, see decision 0017.
const PROCESSOR_SESSIONS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

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
    cache: Option<PathBuf>,
}

impl OnnxBackend {
    /// The backend with the library that `search` finds, when it is first asked for.
    #[must_use]
    pub fn new(search: LibrarySearch) -> Self {
        Self { search, ..Self::default() }
    }

    /// The same with what people chose.
    #[must_use]
    pub fn with_settings(mut self, settings: OnnxSettings) -> Self {
        self.settings = settings;
        self
    }

    /// The same with a folder that providers may keep what they build in. Without one they build it anew each time.
    #[must_use]
    pub fn with_cache(mut self, folder: Option<PathBuf>) -> Self {
        self.cache = folder;
        self
    }

    /// The provider to compute with, which `auto` tries.
    fn provider(&self, providers: &Providers, library: &Library) -> Result<&'static Provider, String> {
        let starts = |provider: &'static Provider| match self.loader(library, provider).try_provider() {
            Ok(()) => true,
            Err(error) => {
                tracing::info!(provider = provider.name, %error, "passed over");
                false
            }
        };
        let provider = providers.get(self.settings.provider, starts)?;
        tracing::debug!(provider = provider.name, library = %library.path.display(), "chosen");
        Ok(provider)
    }

    fn loader<'a>(&'a self, library: &'a Library, provider: &'static Provider) -> Loader<'a> {
        Loader {
            library,
            provider,
            settings: &self.settings,
            options: Some(&self.settings.provider_options),
            threads: available_threads(),
            cache: self.cache.as_deref(),
        }
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
        let provider = match self.provider(&providers, &library) {
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

    /// Two on the processor.
    fn usual_workers(&self, threads: NonZeroUsize) -> NonZeroUsize {
        let provider = || {
            let library = self.search.load().ok()?;
            self.provider(&Providers::of_library().ok()?, &library).ok()
        };
        let is_processor = provider().is_some_and(Provider::is_processor);
        if is_processor { threads.min(PROCESSOR_SESSIONS) } else { NonZeroUsize::MIN }
    }

    fn open(&self, request: OpenRequest) -> Result<Box<dyn Session>, BackendError> {
        let absent = |reason| {
            let index = request.device.unwrap_or_default();
            BackendError::NoSuchDevice { backend: NAME, index, reason }
        };
        let library = self.search.load().map_err(|error| absent(error.to_string()))?;
        let providers = Providers::of_library().map_err(failed)?;
        let provider = self.provider(&providers, &library).map_err(absent)?;
        request.check_only_device(NAME)?;
        let mut loader = self.loader(&library, provider);
        loader.threads = request.threads.map_or_else(available_threads, NonZeroUsize::get);
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
