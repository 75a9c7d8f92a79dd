//! What happens to a text between a person and a token.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

/// How a model wants its texts: which tokenizer, what is done before it, where it cuts, which prompts it knows.
#[derive(Clone)]
pub struct TextSpec {
    /// The content of `tokenizer.json`.
    pub tokenizer: Arc<[u8]>,
    /// Where that came from, for messages.
    pub origin: String,
    /// The most tokens of one sequence that the model's authors meant, special tokens and prompt included.
    pub max_tokens: usize,
    /// The most tokens that the model has positions for.
    pub positions: usize,
    /// How many rows the model's embedding table has; a tokenizer must not know more tokens.
    pub vocabulary: usize,
    /// Whether letters are lower-cased before the tokenizer sees them.
    pub case: TextCase,
    /// The prompts it was trained with.
    pub prompts: Prompts,
    /// Whether a prompt's tokens take part in pooling.
    pub prompt_pooling: PromptPooling,
    /// Whether the tokenizer's special tokens stand around each text.
    pub special_tokens: SpecialTokens,
}

impl fmt::Debug for TextSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextSpec")
            .field("origin", &self.origin)
            .field("max_tokens", &self.max_tokens)
            .field("prompts", &self.prompts)
            .finish_non_exhaustive()
    }
}

/// Whether letters are lower-cased before the tokenizer sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TextCase {
    /// As they are; the tokenizer may still lower-case by itself.
    #[default]
    Keep,
    /// Lower-cased.
    Lower,
}

/// Whether the tokenizer's special tokens stand around each text.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum SpecialTokens {
    /// They do.
    #[default]
    Added,
    /// They do, and this one at the end, should the tokenizer not put it there by itself.
    AddedWithEnd(String),
    /// They do not: static models know words only.
    LeftOut,
}

/// Whether a prompt's tokens take part in pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptPooling {
    /// They are pooled like the text's own.
    #[default]
    Included,
    /// They are read by the encoder but left out of pooling.
    Excluded,
}

/// The prompts that a model names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompts {
    /// Name and text, in the order of the model's file.
    pub named: Vec<(String, String)>,
    /// The name of the one that is used where nobody asks for another.
    pub default: Option<String>,
}

impl Prompts {
    /// The text of the prompt called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.named.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }
}
