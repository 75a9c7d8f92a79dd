//! Reading `config.json`, and refusing what candle-transformers would compute otherwise.

use mbed_core::BackendError;
use mbed_core::spec::Activation;
use serde_json::{Map, Value};

use crate::errors::unsupported;

/// The largest size that is believed: products of two still fit, which candle-transformers does not check.
const LARGEST_SIZE: u64 = 1 << 31;

/// The most rotary angles that a table is made for, 512 MiB each of sines and cosines. Heads of 256 over 2^19
/// positions stay well within.
const MOST_ANGLES: usize = 1 << 27;

/// The fields of `config.json`, or of an object in it. A field that is `null` counts as absent.
pub(super) struct Config<'a> {
    fields: &'a Map<String, Value>,
    /// The names of the objects around, each with a dot behind it.
    path: String,
}

impl<'a> Config<'a> {
    /// The fields of a whole `config.json`.
    pub(super) const fn new(fields: &'a Map<String, Value>) -> Self {
        Self { fields, path: String::new() }
    }

    /// The object called `name`, if there is one.
    pub(super) fn section(&self, name: &str) -> Option<Self> {
        let fields = self.get(name)?.as_object()?;
        Some(Self { fields, path: format!("{}{name}.", self.path) })
    }

    /// Whether there is a field of that name, `null` included.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The list called `name`, if there is one.
    pub(super) fn list(&self, name: &str) -> Option<&'a [Value]> {
        self.get(name)?.as_array().map(Vec::as_slice)
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// A whole number from 1 to [`LARGEST_SIZE`].
    pub(super) fn size(&self, name: &str) -> Result<usize, BackendError> {
        self.optional_size(name)?
            .ok_or_else(|| unsupported(format!("`{}{name}` is missing in its `config.json`", self.path)))
    }

    /// A whole number from 1 to [`LARGEST_SIZE`], where the field is there.
    pub(super) fn optional_size(&self, name: &str) -> Result<Option<usize>, BackendError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let size = value.as_u64().filter(|size| (1..=LARGEST_SIZE).contains(size));
        let size = size.and_then(|size| usize::try_from(size).ok());
        size.map(Some).ok_or_else(|| {
            self.refuse(name, value, &format!("a whole number from 1 to {LARGEST_SIZE} is needed"))
        })
    }

    /// A number that is finite and above 0, where the field is there.
    pub(super) fn optional_number(&self, name: &str) -> Result<Option<f64>, BackendError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_f64().filter(|number| number.is_finite() && *number > 0.0);
        number.map(Some).ok_or_else(|| self.refuse(name, value, "a number above 0 is needed"))
    }

    /// A row number, which may be 0, or `default` where the field is absent.
    pub(super) fn row_or(&self, name: &str, default: u32) -> Result<u32, BackendError> {
        let Some(value) = self.get(name) else { return Ok(default) };
        let row = value.as_u64().and_then(|row| u32::try_from(row).ok());
        row.ok_or_else(|| self.refuse(name, value, "the number of a row is needed"))
    }

    /// Yes or no; an absent field means no.
    pub(super) fn flag(&self, name: &str) -> Result<bool, BackendError> {
        let Some(value) = self.get(name) else { return Ok(false) };
        value.as_bool().ok_or_else(|| self.refuse(name, value, "true or false is needed"))
    }

    /// The activation that `name` names, as candle-nn's own type has it.
    pub(super) fn activation(&self, name: &str) -> Result<candle_nn::Activation, BackendError> {
        let value = self.get(name).unwrap_or(&Value::Null);
        match value.as_str().and_then(|name| name.parse::<Activation>().ok()) {
            Some(Activation::Gelu) => Ok(candle_nn::Activation::Gelu),
            Some(Activation::GeluTanh) => Ok(candle_nn::Activation::NewGelu),
            Some(Activation::Relu) => Ok(candle_nn::Activation::Relu),
            Some(Activation::Silu) => Ok(candle_nn::Activation::Silu),
            Some(Activation::Sigmoid) => Ok(candle_nn::Activation::Sigmoid),
            _ => Err(self.refuse(name, value, "candle-nn has no such activation")),
        }
    }

    /// Refuses any value but `only`, which is all that candle-transformers computes; an absent field means it.
    pub(super) fn only(&self, name: &str, only: impl Into<Value>) -> Result<(), BackendError> {
        let only = only.into();
        match self.get(name) {
            None => Ok(()),
            Some(value) if *value == only || (value.is_number() && value.as_f64() == only.as_f64()) => Ok(()),
            Some(value) => {
                Err(self.refuse(name, value, &format!("candle-transformers computes only `{only}`")))
            }
        }
    }

    /// Refuses a field that candle-transformers would ignore.
    pub(super) fn absent(&self, name: &str) -> Result<(), BackendError> {
        match self.get(name) {
            None => Ok(()),
            Some(value) => Err(self.refuse(name, value, "candle-transformers does not compute this")),
        }
    }

    /// `hidden_size` and `num_attention_heads`, or what the fields are called here, so that heads divide it.
    pub(super) fn hidden_and_heads(&self, hidden: &str, heads: &str) -> Result<(usize, usize), BackendError> {
        let (hidden_size, count) = (self.size(hidden)?, self.size(heads)?);
        if hidden_size.is_multiple_of(count) {
            return Ok((hidden_size, count));
        }
        Err(unsupported(format!("its `{heads}`, {count}, does not divide its `{hidden}`, {hidden_size}")))
    }

    /// The base of rotary positions where transformers 5 writes it, in `rope_parameters`. Older files keep it
    /// elsewhere.
    pub(super) fn rope_theta(&self) -> Result<Option<f64>, BackendError> {
        self.section("rope_parameters").map_or(Ok(None), |parameters| parameters.rotary_base())
    }

    /// As [`Config::rope_theta`], for families with one object for each kind of layer.
    pub(super) fn rope_theta_of(&self, layer_kind: &str) -> Result<Option<f64>, BackendError> {
        let parameters = self.section("rope_parameters").and_then(|kinds| kinds.section(layer_kind));
        parameters.map_or(Ok(None), |parameters| parameters.rotary_base())
    }

    fn rotary_base(&self) -> Result<Option<f64>, BackendError> {
        self.only("rope_type", "default")?;
        self.only("partial_rotary_factor", 1.0)?;
        self.optional_number("rope_theta")
    }

    /// For how many positions rotary angles are needed: as many as `name` and `max_tokens` both allow.
    ///
    /// # Errors
    /// Heads of `head_size` cannot be turned by halves, or the table would be empty or senselessly large.
    pub(super) fn rotary_positions(
        &self,
        name: &str,
        max_tokens: usize,
        head_size: usize,
    ) -> Result<usize, BackendError> {
        if !head_size.is_multiple_of(2) {
            return Err(unsupported(format!(
                "its heads are {head_size} long, and rotary positions need an even length"
            )));
        }
        let positions = self.optional_size(name)?.unwrap_or(max_tokens).min(max_tokens);
        let angles = positions.saturating_mul(head_size / 2);
        if (1..=MOST_ANGLES).contains(&angles) {
            return Ok(positions);
        }
        Err(unsupported(format!(
            "it makes no rotary angles for {positions} positions and heads of {head_size}"
        )))
    }

    /// An error about the value of `name`.
    pub(super) fn refuse(&self, name: &str, value: &Value, reason: &str) -> BackendError {
        unsupported(format!("`{}{name}` is `{value}` in its `config.json`: {reason}", self.path))
    }
}
