//! How long texts are cut into chunks.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chunk_size::{self, AutoSize, ChunkSize};
use super::threshold::Threshold;

/// How long texts are cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChunkingSettings {
    /// Where texts are cut; `none` leaves them whole.
    #[schemars(extend("examples" = ["recursive"]))]
    pub strategy: ChunkingStrategy,
    /// How long a chunk may be; `auto` takes what the model allows. Of a hierarchy it is the size at the top, and each
    /// level has a quarter of the one above it.
    #[serde(with = "chunk_size")]
    #[schemars(with = "AutoSize", extend("examples" = ["256t"]))]
    pub size: Option<ChunkSize>,
    /// How much a chunk shares with the one before it, in the unit of the size.
    #[schemars(extend("examples" = [32]))]
    pub overlap: usize,
    /// Levels of a hierarchy.
    #[schemars(extend("examples" = [3]))]
    pub levels: NonZeroUsize,
    /// How different neighbouring sentences must be for a semantic cut between them.
    #[schemars(extend("examples" = ["deviation:3"]))]
    pub threshold: Threshold,
    /// Sentences on either side that are embedded together with each one, for semantic cuts.
    #[schemars(extend("examples" = [2]))]
    pub buffer: usize,
    /// What a chunk is read with when it is embedded.
    #[schemars(extend("examples" = ["late"]))]
    pub pooling: ChunkPooling,
}

impl Default for ChunkingSettings {
    fn default() -> Self {
        Self {
            strategy: ChunkingStrategy::None,
            size: None,
            overlap: 0,
            levels: NonZeroUsize::MIN.saturating_add(1),
            threshold: Threshold::default(),
            buffer: 1,
            pooling: ChunkPooling::Early,
        }
    }
}

/// What a chunk is read with when it is embedded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChunkPooling {
    /// Nothing: each chunk is a text of its own.
    #[default]
    Early,
    /// Its whole document, or as much of it as the model takes at once; each chunk pools its own tokens.
    Late,
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

impl ChunkingStrategy {
    /// Every strategy that cuts, in the order that messages list them.
    pub const CUTTING: [Self; 6] =
        [Self::Character, Self::Recursive, Self::Markdown, Self::Semantic, Self::Hierarchical, Self::Hybrid];

    /// The lower-case name that settings and flags use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Character => "character",
            Self::Recursive => "recursive",
            Self::Markdown => "markdown",
            Self::Semantic => "semantic",
            Self::Hierarchical => "hierarchical",
            Self::Hybrid => "hybrid",
        }
    }
}
