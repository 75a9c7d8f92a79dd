//! `config.json`, with errors that name the file and the key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mbed_core::TensorError;
use serde_json::{Map, Value};

use crate::{ModelError, json};

/// A model's `config.json`.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    values: Map<String, Value>,
}

impl ConfigFile {
    pub(crate) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let values = json::read(&path)?;
        Ok(Self { path, values })
    }

    pub(crate) fn model_type(&self) -> Result<&str, ModelError> {
        let found = self.values.get("model_type").and_then(Value::as_str);
        found.ok_or_else(|| self.refuse("model_type", "the name of an architecture"))
    }

    /// The whole file again as text.
    pub(crate) fn text(&self) -> Arc<str> {
        Value::Object(self.values.clone()).to_string().into()
    }

    /// A number of at least 1.
    pub(crate) fn size(&self, key: &str) -> Result<usize, ModelError> {
        self.optional_size(key)?.ok_or_else(|| self.refuse(key, "a whole number of at least 1"))
    }

    /// A number of at least 1, or nothing where the key is absent or null.
    pub(crate) fn optional_size(&self, key: &str) -> Result<Option<usize>, ModelError> {
        match self.optional_number(key) {
            Ok(Some(number)) if number > 0 => Ok(Some(number)),
            Ok(None) => Ok(None),
            _ => Err(self.refuse(key, "a whole number of at least 1")),
        }
    }

    /// A whole number, or nothing where the key is absent or null.
    pub(crate) fn optional_number(&self, key: &str) -> Result<Option<usize>, ModelError> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
                number.map(Some).ok_or_else(|| self.refuse(key, "a whole number"))
            }
        }
    }

    /// A positive number, `default` where the key is absent.
    pub(crate) fn positive(&self, key: &str, default: f32) -> Result<f32, ModelError> {
        let Some(value) = self.values.get(key) else { return Ok(default) };
        #[expect(clippy::cast_possible_truncation, reason = "epsilons are small numbers")]
        let number = value.as_f64().map(|number| number as f32);
        number.filter(|&number| number > 0.0).ok_or_else(|| self.refuse(key, "a number above 0"))
    }

    /// A text, `default` where the key is absent or null.
    pub(crate) fn text_or<'a>(&'a self, key: &str, default: &'a str) -> Result<&'a str, ModelError> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.refuse(key, "a text")),
        }
    }

    /// Whether a switch is on; absent and null are off.
    pub(crate) fn is_on(&self, key: &str) -> bool {
        self.values.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The error for a value that cannot be right.
    pub(crate) fn refuse(&self, key: &str, expected: &str) -> ModelError {
        ModelError::Config {
            path: self.path.clone(),
            key: key.to_owned(),
            value: self.values.get(key).map_or_else(|| "absent".to_owned(), Value::to_string),
            expected: expected.to_owned(),
        }
    }

    pub(crate) fn weights_error(&self, source: TensorError) -> ModelError {
        ModelError::Weights { folder: self.path.parent().unwrap_or(&self.path).to_owned(), source }
    }
}
