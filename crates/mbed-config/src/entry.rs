//! One value in one layer.

use serde_json::Value;

use crate::catalogue::{Catalogue, Setting};
use crate::suggest::closest;
use crate::{ConfigError, Layer, Origin};

/// One value in one layer, in the form in which the type writes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) layer: Layer,
    pub(crate) origin: Origin,
}

impl Entry {
    /// Checks `value` against the type of `setting`.
    pub(crate) fn checked(
        setting: &Setting,
        value: &Value,
        (layer, origin): (Layer, Origin),
    ) -> Result<Self, ConfigError> {
        match setting.canonical(value) {
            Some(value) => Ok(Self { key: setting.key.clone(), value, layer, origin }),
            None => Err(wrong_value(&setting.key, value, origin, setting.range.clone())),
        }
    }

    /// Every value that the types say.
    pub(crate) fn defaults(catalogue: &Catalogue) -> impl Iterator<Item = Self> {
        catalogue.settings().iter().map(|setting| Self {
            key: setting.key.clone(),
            value: setting.default.clone(),
            layer: Layer::BuiltIn,
            origin: Origin::Default,
        })
    }
}

pub(crate) fn wrong_value(key: &str, value: &Value, origin: Origin, expected: String) -> ConfigError {
    ConfigError::WrongValue {
        key: key.to_owned(),
        value: value.to_string(),
        expected,
        origin: Box::new(origin),
    }
}

pub(crate) fn unknown_key(key: String, origin: Origin, known: impl Iterator<Item = String>) -> ConfigError {
    let suggestion = closest(&key, known);
    ConfigError::UnknownKey { key, origin: Box::new(origin), suggestion }
}
