//! What computes.

use std::num::NonZeroUsize;

use crate::PrecisionChoice;

/// What computes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeSettings {
    /// Which backend.
    pub backend: BackendChoice,
    /// In which precision.
    pub precision: PrecisionChoice,
    /// How many threads, for computing and for tokenising; `None` takes one a core that this process may use.
    pub threads: Option<NonZeroUsize>,
}

/// Which backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BackendChoice {
    /// The first that this build has, that finds a device, and that can run the model.
    #[default]
    Auto,
    /// The one of this name, or an error.
    Named(String),
}

impl From<&str> for BackendChoice {
    fn from(name: &str) -> Self {
        if name == "auto" { Self::Auto } else { Self::Named(name.to_owned()) }
    }
}
