//! How long texts are cut into chunks.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auto_count::{self, AutoCount};

/// How long texts are cut into chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChunkingSettings {
    /// Where texts are cut; `none` leaves them whole.
    #[schemars(extend("x-effect" = "planned", "examples" = ["recursive"]))]
    pub strategy: ChunkingStrategy,
    /// The most tokens of a chunk; `auto` takes what the model allows.
    #[serde(with = "auto_count")]
    #[schemars(with = "AutoCount", extend("x-effect" = "planned", "x-unit" = "tokens", "examples" = [256]))]
    pub max_tokens: Option<NonZeroUsize>,
}

/// Where texts are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChunkingStrategy {
    /// Nowhere.
    #[default]
    None,
    /// After so many characters.
    Character,
    /// At paragraphs, then lines, then sentences, then words.
    Recursive,
    /// At the headings of Markdown.
    Markdown,
    /// Where neighbouring sentences differ in meaning.
    Semantic,
    /// In chunks of chunks.
    Hierarchical,
    /// By structure first, then by meaning.
    Hybrid,
}
