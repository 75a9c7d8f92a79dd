//! `config.json`, with errors that name the file and the key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mbed_core::spec::{Activation, Bias};
use mbed_core::{Tensor, TensorError};
use serde::Deserialize;
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

    /// The length of one head's queries: stated, or what is left for a head of `hidden`.
    pub(crate) fn head_size(&self, hidden: usize, heads: usize) -> Result<usize, ModelError> {
        if let Some(size) = self.optional_size("head_dim")? {
            return Ok(size);
        }
        if hidden.is_multiple_of(heads) {
            return Ok(hidden / heads);
        }
        Err(self.refuse("num_attention_heads", "a divisor of `hidden_size`"))
    }

    /// An activation under a key, `default` where the key is absent or null.
    pub(crate) fn activation(&self, key: &str, default: &str) -> Result<Activation, ModelError> {
        let name = self.text_or(key, default)?;
        name.parse().map_err(|_unknown| self.refuse(key, "one of gelu, gelu_new, relu, silu, tanh"))
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

    /// A positive number, `default` where the key is absent or null.
    pub(crate) fn positive(&self, key: &str, default: f64) -> Result<f64, ModelError> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => {
                let number = value.as_f64().filter(|&number| number > 0.0 && number.is_finite());
                number.ok_or_else(|| self.refuse(key, "a number above 0"))
            }
        }
    }

    /// What is added under the root of a norm.
    pub(crate) fn epsilon(&self, key: &str, default: f64) -> Result<f32, ModelError> {
        #[expect(clippy::cast_possible_truncation, reason = "norms compute in binary32")]
        self.positive(key, default).map(|epsilon| epsilon as f32)
    }

    /// The number of layers. More than any model has would make a list too long for memory.
    pub(crate) fn layers(&self, key: &str) -> Result<usize, ModelError> {
        const MOST: usize = 1000;
        let layers = self.size(key)?;
        if layers > MOST {
            return Err(self.refuse(key, "at most 1000 layers"));
        }
        Ok(layers)
    }

    /// For each layer whether it looks near only: `layer_types`, or where that is absent what `is_near` says.
    pub(crate) fn layer_kinds(
        &self,
        count: &str,
        is_near: impl Fn(usize) -> bool,
    ) -> Result<Vec<bool>, ModelError> {
        let layers = self.layers(count)?;
        let Some(kinds) = self.texts("layer_types")? else { return Ok((0..layers).map(is_near).collect()) };
        let kinds: Option<Vec<bool>> = kinds
            .iter()
            .map(|kind| match kind.as_str() {
                "sliding_attention" => Some(true),
                "full_attention" => Some(false),
                _ => None,
            })
            .collect();
        let expected = "`full_attention` or `sliding_attention` for each layer";
        let kinds = kinds.filter(|kinds| kinds.len() == layers);
        kinds.ok_or_else(|| self.refuse("layer_types", expected))
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
        self.is_on_or(key, false)
    }

    /// Whether a switch is on, `default` where it is absent or null.
    pub(crate) fn is_on_or(&self, key: &str, default: bool) -> bool {
        self.values.get(key).and_then(Value::as_bool).unwrap_or(default)
    }

    /// Whether there is a bias where a switch says so, `default` where it is absent or null.
    pub(crate) fn bias(&self, key: &str, default: Bias) -> Bias {
        if self.is_on_or(key, default == Bias::Added) { Bias::Added } else { Bias::Absent }
    }

    /// Refuses every value of a key but `expected`; absent and null pass.
    pub(crate) fn only(&self, key: &str, expected: &str) -> Result<(), ModelError> {
        let wanted = |value: &Value| match value {
            Value::Null => true,
            // Switches are written as texts in places.
            Value::String(text) => text == expected,
            Value::Bool(switch) => expected == if *switch { "true" } else { "false" },
            Value::Number(number) => {
                expected.parse().is_ok_and(|expected: serde_json::Number| expected == *number)
            }
            Value::Array(_) | Value::Object(_) => false,
        };
        let fits = self.values.get(key).is_none_or(wanted);
        if fits {
            Ok(())
        } else {
            Err(self.refuse(key, &format!("`{expected}`, the only one that mbed computes")))
        }
    }

    /// The object under a key, empty where there is none.
    pub(crate) fn object(&self, key: &str) -> Self {
        let values = self.values.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
        Self { path: self.path.clone(), values }
    }

    /// Whether a key has a value that is not null.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| !value.is_null())
    }

    /// Whether a key is there, be it with null.
    pub(crate) fn states(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Whether the text of the file holds `part` under one of these keys.
    pub(crate) fn mentions(&self, keys: &[&str], part: &str) -> bool {
        keys.iter().filter_map(|key| self.values.get(*key)).any(|value| value.to_string().contains(part))
    }

    /// The texts of a list, or nothing where the key is absent or null.
    pub(crate) fn texts(&self, key: &str) -> Result<Option<Vec<String>>, ModelError> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let texts = Vec::<String>::deserialize(value);
                texts.map(Some).map_err(|_other| self.refuse(key, "a list of texts"))
            }
        }
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

    /// Refuses a tensor with values that no vector could come out of.
    pub(crate) fn check_finite(&self, name: &str, tensor: &Tensor) -> Result<(), ModelError> {
        let Some(index) = tensor.first_not_finite() else { return Ok(()) };
        Err(ModelError::NotFinite { folder: self.folder(), tensor: name.to_owned(), index })
    }

    /// The error for tensors that are not there.
    pub(crate) fn missing_tensors(&self, missing: Vec<String>, unused: Vec<String>) -> ModelError {
        ModelError::MissingTensors { folder: self.folder(), missing, unused }
    }

    fn folder(&self) -> PathBuf {
        self.path.parent().unwrap_or(&self.path).to_owned()
    }

    pub(crate) fn weights_error(&self, source: TensorError) -> ModelError {
        ModelError::Weights { folder: self.folder(), source }
    }
}
