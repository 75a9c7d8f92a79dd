//! Which model, and how its vectors are made.

use std::num::NonZeroUsize;

/// Which model, and how its vectors are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSettings {
    /// A folder, or the name of a model on the hub.
    pub id: String,
    /// What is put before each text.
    pub prompt: PromptChoice,
    /// Keep only the first dimensions of each vector (Matryoshka models), and scale to length 1 again where the
    /// model normalises.
    pub dimensions: Option<NonZeroUsize>,
    /// Whether vectors are scaled to length 1.
    pub normalize: Normalize,
    /// Cut texts at fewer tokens than the model allows, special tokens included.
    pub max_length: Option<NonZeroUsize>,
    /// What happens to a text that is too long.
    pub overflow: Overflow,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            id: "sentence-transformers/all-MiniLM-L6-v2".to_owned(),
            prompt: PromptChoice::ModelDefault,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Its first tokens are embedded, and it is counted and reported.
    #[default]
    Truncate,
    /// The run ends with an error that names it.
    Error,
}
