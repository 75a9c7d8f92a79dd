//! What opening a model needs besides settings.

use mbed_config::Environment;
use mbed_core::{Progress, Silent};
use mbed_engine::memory::{Ledgers, ProfileStore};
use mbed_model::{KnownModels, Locations, Network};

use crate::Error;

/// Where models may come from, and who hears of progress.
pub struct Context<'a> {
    /// Where models may come from.
    pub locations: Locations,
    /// The branch, tag or commit of a model on the hub; `None` for `main`.
    pub revision: Option<String>,
    /// Who hears of downloads.
    pub progress: &'a dyn Progress,
    /// What models that were opened with this or a clone of it hold of each device's memory.
    pub ledgers: Ledgers,
    /// Where what runs learn of memory and speed is kept, where it is kept.
    pub profiles: Option<ProfileStore>,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("locations", &self.locations).finish_non_exhaustive()
    }
}

impl Context<'static> {
    /// The places that the environment of this process names.
    ///
    /// # Errors
    /// The environment names no folder to keep models in, or the hub's token cannot be read.
    pub fn from_environment() -> Result<Self, Error> {
        Self::new(&Environment::read())
    }

    /// The places that `environment` names: the Hugging Face cache, mbed's own, the hub.
    ///
    /// # Errors
    /// As [`Context::from_environment`].
    pub fn new(environment: &Environment) -> Result<Self, Error> {
        let hub_cache = environment.hub_cache().ok_or(Error::NoCacheFolder)?;
        let model_cache = environment.mbed_cache().ok_or(Error::NoCacheFolder)?.join("models");
        let mut locations = Locations::new(hub_cache, model_cache, KnownModels::built_in()?);
        locations.token = environment.hub_token()?;
        if let Some(endpoint) = environment.hub_endpoint() {
            endpoint.clone_into(&mut locations.endpoint);
        }
        if let Some(because) = &environment.offline {
            locations.network = Network::Offline { because: because.clone() };
        }
        let profiles = environment.mbed_cache().map(|cache| ProfileStore::new(cache.join("profiles")));
        Ok(Self { locations, revision: None, progress: &Silent, ledgers: Ledgers::new(), profiles })
    }
}
