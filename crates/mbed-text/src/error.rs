//! Why texts could not become tokens.

use std::error::Error;

use mbed_core::Hint;

/// Why texts could not become tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The tokenizer's file could not be understood.
    #[error("`{origin}` is not a tokenizer that mbed can read")]
    BadTokenizer {
        /// Where it came from.
        origin: String,
        /// What the tokenizers library said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The tokenizer knows tokens that the model's embedding table has no row for.
    #[error("`{origin}` has a token with id {id}, the model's embedding table has {rows} rows")]
    VocabularyTooLarge {
        /// Where the tokenizer came from.
        origin: String,
        /// Its largest token id.
        id: u32,
        /// Rows of the table.
        rows: usize,
    },
    /// The model has no prompt of this name.
    #[error("the model has no prompt named `{name}`")]
    UnknownPrompt {
        /// The name that was asked for.
        name: String,
        /// The names that it has.
        known: Vec<String>,
    },
    /// A maximum length that the model or its tokenizer cannot keep.
    #[error("a maximum length of {asked} tokens is not possible, the model allows {least} to {most}")]
    LengthOutOfRange {
        /// What was asked for.
        asked: usize,
        /// One more than the special tokens that are always there.
        least: usize,
        /// The model's positions.
        most: usize,
    },
    /// The tokenizer failed on a text.
    #[error("the tokenizer failed on a text of {bytes} bytes")]
    Tokenize {
        /// The text's length.
        bytes: usize,
        /// What the tokenizers library said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Sentences could not be embedded to find out where texts are cut.
    #[error("sentences could not be embedded to find where texts are cut")]
    SentenceVectors {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Chunks would share all that they hold.
    #[error("an overlap of {overlap} is not less than the size of a chunk, {size}")]
    Overlap {
        /// What chunks should share.
        overlap: usize,
        /// The most that one may hold, in the same unit.
        size: usize,
    },
    /// A hierarchy with levels of no size.
    #[error("{levels} levels, each with a quarter of the one above it, do not fit into a size of {size}")]
    Levels {
        /// The size at the top.
        size: usize,
        /// How many levels were asked for.
        levels: usize,
    },
    /// A part of a text that is to be read within all of it does not fit into the model alone.
    #[error("a chunk of {tokens} tokens is longer than the {most} that the model reads at once")]
    PartTooLong {
        /// Its tokens.
        tokens: usize,
        /// How many the model takes beside special tokens and the prompt.
        most: usize,
    },
    /// A strategy needs something of a model that is not there.
    #[error("this way of cutting texts needs the {part} of a model")]
    MissingPart {
        /// What it needs.
        part: &'static str,
    },
}

impl Hint for TextError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::BadTokenizer { .. } => {
                Some("the file may be cut short: `mbed model pull --force` fetches it again".to_owned())
            }
            Self::VocabularyTooLarge { .. } => {
                Some("tokenizer.json and model.safetensors are not of the same model".to_owned())
            }
            Self::UnknownPrompt { known, .. } if known.is_empty() => {
                Some("it has none; `--prompt TEXT` puts any text before each input".to_owned())
            }
            Self::UnknownPrompt { known, .. } => Some(format!("it has: {}", known.join(", "))),
            Self::Overlap { .. } => Some("`--overlap` is in the unit of `--size`".to_owned()),
            Self::Levels { .. } => Some("make `chunking.size` larger or `chunking.levels` fewer".to_owned()),
            Self::PartTooLong { .. } => Some(
                "make chunks smaller with `--chunk-size`, or embed each by itself, without `--late`"
                    .to_owned(),
            ),
            Self::LengthOutOfRange { .. }
            | Self::Tokenize { .. }
            | Self::SentenceVectors { .. }
            | Self::MissingPart { .. } => None,
        }
    }
}
