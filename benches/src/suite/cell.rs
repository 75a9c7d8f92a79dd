//! One thing that is measured.

use std::fmt;
use std::num::NonZeroUsize;

use mbed::settings::{Adapt, BackendChoice, DeviceChoice, PrecisionSetting, Settings};
use serde::{Deserialize, Serialize};

use crate::workload::WorkloadName;

/// One thing that is measured: a model on a backend with settings, and the texts it is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The backend, or `auto`.
    pub backend: String,
    /// The number of the device.
    pub device: u32,
    /// The precision that is asked for.
    pub precision: String,
    /// The model.
    pub model: String,
    /// The texts.
    pub workload: WorkloadName,
    /// How many tokens a batch may have.
    pub batch_tokens: BatchTokens,
    /// The most rows of a batch, where that is bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_rows: Option<NonZeroUsize>,
    /// Copies of the model; `None` leaves that to the program.
    pub workers: Option<NonZeroUsize>,
    /// Threads; `None` takes one a core.
    pub threads: Option<NonZeroUsize>,
}

/// How many tokens a batch may have: so many, or what the program finds best by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum BatchTokens {
    /// What the program finds best.
    Auto,
    /// So many.
    Exactly(NonZeroUsize),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Number(NonZeroUsize),
    Word(String),
}

impl TryFrom<Value> for BatchTokens {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Number(count) => Ok(Self::Exactly(count)),
            Value::Word(word) if word == "auto" => Ok(Self::Auto),
            Value::Word(word) => Err(format!("`{word}` is neither `auto` nor a number of tokens from 1")),
        }
    }
}

impl From<BatchTokens> for Value {
    fn from(tokens: BatchTokens) -> Self {
        match tokens {
            BatchTokens::Auto => Self::Word("auto".to_owned()),
            BatchTokens::Exactly(count) => Self::Number(count),
        }
    }
}

impl fmt::Display for BatchTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Exactly(count) => count.fmt(f),
        }
    }
}

impl Cell {
    /// The program's own choices for a model and texts.
    #[must_use]
    pub fn of(model: &str, workload: WorkloadName) -> Self {
        Self {
            backend: "auto".to_owned(),
            device: 0,
            precision: "auto".to_owned(),
            model: model.to_owned(),
            workload,
            batch_tokens: BatchTokens::Auto,
            batch_rows: None,
            workers: None,
            threads: None,
        }
    }

    /// `base` with what this cell asks for.
    #[must_use]
    pub fn settings(&self, base: &Settings, max_length: Option<usize>) -> Settings {
        let mut settings = base.clone();
        settings.model.id.clone_from(&self.model);
        if let Some(length) = max_length.and_then(NonZeroUsize::new) {
            settings.model.max_length = Some(length);
        }
        settings.runtime.backend = BackendChoice::from(self.backend.as_str());
        // A suite's precisions were checked when it was read.
        settings.runtime.precision = self.precision.parse().unwrap_or(PrecisionSetting::Auto);
        settings.runtime.devices = DeviceChoice::Numbers(vec![self.device]);
        settings.runtime.workers_per_device = self.workers;
        settings.runtime.threads = self.threads.or(settings.runtime.threads);
        if let BatchTokens::Exactly(tokens) = self.batch_tokens {
            settings.memory.adapt = Adapt::Off;
            settings.batching.max_tokens = tokens;
        }
        if let Some(rows) = self.batch_rows {
            settings.memory.adapt = Adapt::Off;
            settings.batching.batch_size = Some(rows);
            settings.batching.max_tokens = NonZeroUsize::new(1 << 30).unwrap_or(NonZeroUsize::MAX);
            settings.batching.window_rows = settings.batching.window_rows.max(rows);
        }
        settings
    }

    /// What stays the same where two measurements are compared.
    #[must_use]
    pub fn key(&self) -> String {
        let count = |count: Option<NonZeroUsize>| count.map_or_else(|| "auto".to_owned(), |n| n.to_string());
        let Self { model, workload, batch_tokens, .. } = self;
        let mut key = format!("{model} · {workload} · {} · {batch_tokens} tokens", self.variant());
        if self.batch_rows.is_some() {
            key += &format!(" · {} rows", count(self.batch_rows));
        }
        key + &format!(" · {} workers · {} threads", count(self.workers), count(self.threads))
    }

    /// Backend, device and precision: `cpu:0 bf16`.
    #[must_use]
    pub fn variant(&self) -> String {
        format!("{}:{} {}", self.backend, self.device, self.precision)
    }
}
