//! Reading `config.json`, and refusing what candle-transformers would compute otherwise.

use mbed_core::BackendError;
use mbed_core::spec::Activation;
use serde_json::{Map, Value};

use crate::errors::{OpenResult, unsupported};

/// The largest size that is believed: products of two still fit, which candle-transformers does not check.
const LARGEST_SIZE: u64 = 1 << 31;

/// The fields of a `config.json`. A field that is `null` counts as absent.
pub(super) struct Config<'a> {
    fields: &'a Map<String, Value>,
}

impl<'a> Config<'a> {
    /// The fields of a whole `config.json`.
    pub(super) const fn new(fields: &'a Map<String, Value>) -> Self {
        Self { fields }
    }

    /// The value of `name`, where the field is there.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// A whole number from 1 to [`LARGEST_SIZE`].
    pub(super) fn size(&self, name: &str) -> OpenResult<usize> {
        let Some(value) = self.get(name) else {
            return Err(unsupported(format!("`{name}` is missing in its `config.json`")));
        };
        let size = value.as_u64().filter(|size| (1..=LARGEST_SIZE).contains(size));
        let size = size.and_then(|size| usize::try_from(size).ok());
        size.ok_or_else(|| self.refuse(name, &format!("a whole number from 1 to {LARGEST_SIZE} is needed")))
    }

    /// As [`Config::size`], where an absent field and numbers below 1 mean that there is none.
    pub(super) fn extent(&self, name: &str) -> OpenResult<Option<usize>> {
        match self.get(name) {
            None => Ok(None),
            Some(value) if value.as_i64().is_some_and(|size| size < 1) => Ok(None),
            Some(_) => self.size(name).map(Some),
        }
    }

    /// A number that is finite and above 0, where the field is there.
    pub(super) fn number(&self, name: &str) -> OpenResult<Option<f64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_f64().filter(|number| number.is_finite() && *number > 0.0);
        number.map(Some).ok_or_else(|| self.refuse(name, "a number above 0 is needed"))
    }

    /// Yes or no, where the field is there.
    pub(super) fn flag(&self, name: &str) -> OpenResult<Option<bool>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.refuse(name, "true or false is needed"))
    }

    /// A text, where the field is there.
    pub(super) fn text(&self, name: &str) -> OpenResult<Option<&'a str>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.refuse(name, "a text is needed"))
    }

    /// The activation that `name` names, where the field is there.
    pub(super) fn activation(&self, name: &str) -> OpenResult<Option<Activation>> {
        let Some(named) = self.text(name)? else { return Ok(None) };
        named.parse().map(Some).map_err(|_| self.refuse(name, "there is no such activation"))
    }

    /// Refuses any number but `only`, which is all that candle-transformers computes; an absent field means it.
    pub(super) fn only(&self, name: &str, only: usize) -> OpenResult<()> {
        match self.get(name) {
            None => Ok(()),
            Some(value) if value.as_u64() == u64::try_from(only).ok() => Ok(()),
            Some(_) => Err(self.refuse(name, &format!("candle-transformers computes only `{only}`"))),
        }
    }

    /// `hidden_size` and `num_attention_heads`, so that heads divide it.
    pub(super) fn hidden_and_heads(&self) -> OpenResult<(usize, usize)> {
        let (hidden, heads) = (self.size("hidden_size")?, self.size("num_attention_heads")?);
        if hidden.is_multiple_of(heads) {
            return Ok((hidden, heads));
        }
        Err(unsupported(format!(
            "its `num_attention_heads`, {heads}, does not divide its `hidden_size`, {hidden}"
        )))
    }

    /// An error about the value of `name`.
    pub(super) fn refuse(&self, name: &str, reason: &str) -> BackendError {
        let value = self.fields.get(name).unwrap_or(&Value::Null);
        unsupported(format!("`{name}` is `{value}` in its `config.json`: {reason}"))
    }
}
