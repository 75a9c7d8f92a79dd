//! Why settings could not be had.

use std::path::PathBuf;
use std::{fmt, io};

use mbed_core::Hint;

use crate::{Origin, Place};

/// Why settings could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file with the hub's token is there and cannot be read: mend it, or set the token otherwise.
    #[error("cannot read the hub's token from `{path}`")]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file with settings is there, or was named, and cannot be read: make it readable, or name another.
    #[error("cannot read the settings in `{path}`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not TOML: mend the line.
    #[error("{place}: {message}\n{}", place.excerpt())]
    Syntax {
        /// The first place that cannot be read.
        place: Box<Place>,
        /// What the parser said.
        message: String,
    },
    /// There is no such setting: mend the name.
    #[error("{origin}: there is no setting `{key}`{}", origin.excerpt())]
    UnknownKey {
        /// Its path as it was written.
        key: String,
        /// Where it stands.
        origin: Box<Origin>,
        /// The setting that may have been meant.
        suggestion: Option<String>,
    },
    /// A variable begins like those of mbed and is none of them: mend its name.
    #[error("there is no variable `{name}`")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The variable that may have been meant.
        suggestion: Option<String>,
    },
    /// The bytes of a variable are not text: set it anew.
    #[error("the variable `{name}` is not Unicode")]
    NotUnicode {
        /// The variable.
        name: String,
    },
    /// A value has the wrong type or is out of range: change it.
    #[error("{origin}: `{key}` cannot be `{value}`, only {expected}{}", origin.excerpt())]
    WrongValue {
        /// The setting, or the older name that was used.
        key: String,
        /// The value as it was read.
        value: String,
        /// What it may be, in words.
        expected: String,
        /// Where it stands.
        origin: Box<Origin>,
    },
    /// There is no such preset: choose another.
    #[error("{origin}: there is no preset `{name}`{}", origin.excerpt())]
    UnknownPreset {
        /// The name that was asked for.
        name: String,
        /// Who asked for it.
        origin: Box<Origin>,
        /// Those that exist.
        known: Vec<&'static str>,
    },
    /// Two settings do not go together: change one.
    #[error("{first} and {second} do not go together: {rule}")]
    Conflict {
        /// One of them.
        first: Box<Stated>,
        /// The other.
        second: Box<Stated>,
        /// What must hold.
        rule: &'static str,
    },
    /// The layers together are not settings, though each value alone is.
    #[error("the layers of settings do not fit together")]
    Merge(#[source] Box<figment::Error>),
}

/// A value and who stated it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated {
    /// The setting.
    pub key: String,
    /// The value, as a file would write it.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

impl fmt::Display for Stated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, origin } = self;
        write!(f, "`{key} = {value}` ({origin})")
    }
}

impl Hint for ConfigError {
    fn hint(&self) -> Option<String> {
        let meant = |suggestion: &Option<String>, otherwise: &str| {
            let meant = suggestion.as_ref().map(|name| format!("did you mean `{name}`?"));
            Some(meant.unwrap_or_else(|| otherwise.to_owned()))
        };
        match self {
            Self::TokenFile { .. } => {
                Some("make the file readable, or put the token into the variable `HF_TOKEN`".to_owned())
            }
            Self::Unreadable { .. } => {
                Some("`mbed config path` lists where settings are looked for".to_owned())
            }
            Self::UnknownKey { suggestion, .. } => {
                meant(suggestion, "`mbed config show` lists every setting")
            }
            Self::UnknownVariable { suggestion, .. } => meant(
                suggestion,
                "variables are called `MBED_<SECTION>__<KEY>`; `mbed config show` lists the keys",
            ),
            Self::UnknownPreset { known, .. } => Some(format!("presets are {}", known.join(", "))),
            Self::Conflict { .. } => {
                Some("`mbed config show --origin` tells where every value comes from".to_owned())
            }
            Self::Syntax { .. } | Self::NotUnicode { .. } | Self::WrongValue { .. } | Self::Merge(_) => None,
        }
    }
}
