//! Settings with where each came from.

use std::fmt;
use std::path::PathBuf;

use mbed_core::settings::Settings;
use serde_json::Value;

use crate::{Layer, Origin, Stated};

/// Settings, and where each value came from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Resolved {
    /// The settings.
    pub settings: Settings,
    /// Every value, in the order of the types.
    pub values: Vec<ResolvedValue>,
    /// The files that were looked for, from the weakest.
    pub files: Vec<SettingsFile>,
    /// What deserves a look.
    pub warnings: Vec<Warning>,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedValue {
    /// The setting.
    pub key: String,
    /// Its value, null where it is not set.
    pub value: Value,
    /// Where that came from.
    pub origin: Origin,
    /// The values of weaker layers, the strongest first, without that of the types.
    pub overridden: Vec<Overridden>,
}

/// A value that a stronger layer replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Overridden {
    /// The value.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

/// A file that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsFile {
    /// Its layer.
    pub layer: Layer,
    /// Where it is, or would be.
    pub path: PathBuf,
    /// Whether it was there.
    pub state: FileState,
}

/// Whether a file was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It was read.
    Read,
    /// It is not there.
    Absent,
}

/// What deserves a look, though it is no error.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// Two names of one setting have different values in one layer.
    Contradiction {
        /// The value that is used.
        used: Stated,
        /// The value that is not.
        ignored: Stated,
    },
    /// A setting that mbed does not act on yet.
    NotActedOn(Stated),
}

impl Resolved {
    /// Where the value of `key` came from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.get(key).map(|value| &value.origin)
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&ResolvedValue> {
        self.values.iter().find(|value| value.key == key)
    }

    pub(crate) fn stated(&self, key: &str) -> Option<Stated> {
        self.get(key).map(|value| Stated::new(&value.key, &value.value, &value.origin))
    }
}

impl Stated {
    pub(crate) fn new(key: &str, value: &Value, origin: &Origin) -> Self {
        Self { key: key.to_owned(), value: value.to_string(), origin: origin.clone() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contradiction { used, ignored } => write!(f, "{ignored} is not used, because of {used}"),
            Self::NotActedOn(stated) => {
                write!(f, "{stated} has no effect: no part of this build acts on it yet")
            }
        }
    }
}
