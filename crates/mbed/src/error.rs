//! Why no vectors could be made.

use mbed_config::ConfigError;
use mbed_core::{BackendError, DeviceId, Hint, Precision};
use mbed_engine::EngineError;
use mbed_engine::memory::ProfileError;
use mbed_model::{ModelError, SourceError};
use mbed_text::TextError;

use crate::registry::KNOWN_BACKENDS;

/// Why no vectors could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model could not be written in another form.
    #[error("cannot write the model")]
    Export {
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A setting could not be had.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The model could not be found or fetched.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The model's folder could not be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The texts could not become tokens.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The backend could not open the model.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The engine could not make vectors.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What was learned could not be kept.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Parts of a text cannot be pooled out of all of it.
    #[error("late chunking does not go with the model `{model}`: {reason}")]
    NoSpans {
        /// The model.
        model: String,
        /// Why not.
        reason: String,
    },
    /// No variable and no home folder says where models can be kept.
    #[error("there is no folder to keep models in")]
    NoCacheFolder,
    /// There is no backend of this name.
    #[error("there is no backend `{name}`")]
    UnknownBackend {
        /// The name that was asked for.
        name: String,
    },
    /// The backend exists, but this build does not have it.
    #[error("this build of mbed has no backend `{name}`")]
    NotCompiledIn {
        /// The name that was asked for.
        name: String,
    },
    /// The fastest 16-bit format was asked for, and the device has none.
    #[error("`{device}` has no 16-bit format, and mixed precision asks for one")]
    NoMixedPrecision {
        /// The device.
        device: DeviceId,
        /// What it has.
        supported: Vec<Precision>,
    },
    /// Instructions were asked for that the processor does not have.
    #[error("this processor does not have the instructions `{asked}`")]
    NoInstructions {
        /// What was asked for.
        asked: &'static str,
        /// The best that it has.
        best: &'static str,
    },
    /// The backend finds nothing to compute on.
    #[error("backend `{backend}` finds no device: {reason}")]
    NoDevice {
        /// The backend.
        backend: String,
        /// Why not.
        reason: String,
    },
    /// Only models with an encoder spec can be written in another form.
    #[error(
        "there is no encoder spec for the architecture `{architecture}`, and without one it cannot be written"
    )]
    NoSpec {
        /// `model_type` of the model's `config.json`.
        architecture: String,
        /// The architectures that have one.
        known: Vec<&'static str>,
    },
    /// No backend could run the model.
    #[error("no backend here runs the architecture `{architecture}`{}", lines(refusals))]
    NoBackend {
        /// `model_type` of the model's `config.json`.
        architecture: String,
        /// What each backend that was asked said.
        refusals: Vec<Refusal>,
        /// The architectures that have an encoder spec, which every backend runs.
        known: Vec<&'static str>,
    },
}

/// A backend that could not run a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The backend's name.
    pub backend: &'static str,
    /// Why not, in words.
    pub reason: String,
}

fn lines(refusals: &[Refusal]) -> String {
    refusals.iter().map(|refusal| format!("\n  {}: {}", refusal.backend, refusal.reason)).collect()
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Export { hint, .. } => hint.clone(),
            Self::Config(error) => error.hint(),
            Self::Source(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Text(error) => error.hint(),
            Self::Backend(error) => error.hint(),
            Self::Engine(error) => error.hint(),
            Self::Profile(error) => error.hint(),
            Self::NoSpans { .. } => Some("without `--late` each chunk is embedded by itself".to_owned()),
            Self::NoCacheFolder => Some("set the variable `MBED_CACHE` to a folder".to_owned()),
            Self::UnknownBackend { .. } => Some(format!("backends are {}", KNOWN_BACKENDS.join(", "))),
            Self::NotCompiledIn { name } => {
                Some(format!("build it in: `cargo build --release --features {name}`"))
            }
            Self::NoMixedPrecision { supported, .. } => {
                let names: Vec<_> = supported.iter().map(|precision| precision.name()).collect();
                Some(format!("it can run in {}; `auto` takes the first", names.join(", ")))
            }
            Self::NoInstructions { best, .. } => {
                Some(format!("the best it has is `{best}`, which `auto` takes"))
            }
            Self::NoDevice { backend, .. } => {
                let known = "`mbed devices` lists what each backend finds";
                let provided = crate::registry::how_to_provide(backend).map(|how| format!("{how}; {known}"));
                Some(provided.unwrap_or_else(|| known.to_owned()))
            }
            Self::NoSpec { known, .. } => {
                Some(format!("architectures with an encoder spec: {}", known.join(", ")))
            }
            Self::NoBackend { known, .. } => Some(format!(
                "architectures with an encoder spec, which every backend runs: {}",
                known.join(", ")
            )),
        }
    }
}
