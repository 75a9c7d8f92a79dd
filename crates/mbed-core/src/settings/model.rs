//! Which model, and how its vectors are made.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auto_count::{self, AutoCount};

/// Which model, and how its vectors are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// A folder, the name of a model on the hub, or a short name such as `minilm`.
    #[schemars(extend("examples" = ["BAAI/bge-small-en-v1.5"]))]
    pub id: String,
    /// Branch, tag or commit of the model on the hub; `main` where it is not set. It belongs to `id`: a layer that
    /// sets another `id` does not take the revision of a weaker one.
    #[schemars(extend("examples" = ["v1.0"]))]
    pub revision: Option<String>,
    /// Use only what is on this machine: open no connection.
    #[schemars(extend("examples" = [true]))]
    pub offline: bool,
    /// The model's own prompt of this name is put before each text; its default one where neither this nor `prompt`
    /// is set.
    #[schemars(extend("examples" = ["query"]))]
    pub prompt_name: Option<String>,
    /// This text is put before each text; empty for none. Excludes `prompt_name`.
    #[schemars(extend("examples" = ["query: "]))]
    pub prompt: Option<String>,
    /// Keep only the first dimensions of each vector (Matryoshka models), scaled to length 1 again where the model
    /// normalises; `auto` keeps all.
    #[serde(with = "auto_count")]
    #[schemars(with = "AutoCount", extend("x-unit" = "dimensions", "examples" = [256]))]
    pub dimensions: Option<NonZeroUsize>,
    /// Whether vectors are scaled to length 1.
    #[schemars(extend("examples" = ["yes"]))]
    pub normalize: Normalize,
    /// Cut texts at fewer tokens than the model allows, special tokens included; `auto` takes the model's own limit.
    #[serde(with = "auto_count")]
    #[schemars(with = "AutoCount", extend("x-unit" = "tokens", "examples" = [128]))]
    pub max_length: Option<NonZeroUsize>,
    /// What happens to a text that is too long.
    #[schemars(extend("examples" = ["error"]))]
    pub overflow: Overflow,
}

impl ModelSettings {
    /// What is put before each text.
    #[must_use]
    pub fn prompt_choice(&self) -> PromptChoice {
        match (&self.prompt, &self.prompt_name) {
            (Some(text), _) => PromptChoice::Text(text.clone()),
            (None, Some(name)) => PromptChoice::Named(name.clone()),
            (None, None) => PromptChoice::ModelDefault,
        }
    }
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            id: "sentence-transformers/all-MiniLM-L6-v2".to_owned(),
            revision: None,
            offline: false,
            prompt_name: None,
            prompt: None,
            dimensions: None,
            normalize: Normalize::Auto,
            max_length: None,
            overflow: Overflow::Truncate,
        }
    }
}

/// What is put before each text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PromptChoice {
    /// The model's default prompt, where it has one.
    #[default]
    ModelDefault,
    /// The model's prompt of this name.
    Named(String),
    /// This text; empty for none.
    Text(String),
}

/// Whether vectors are scaled to length 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// Where the model's own modules do.
    #[default]
    Auto,
    /// Always.
    Yes,
    /// Never, also where the model does.
    No,
}

/// What happens to a text with more tokens than the model takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overflow {
    /// Its first tokens are embedded, and it is counted and reported.
    #[default]
    Truncate,
    /// The run ends with an error that names it.
    Error,
}
