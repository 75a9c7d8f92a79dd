//! Cutting long texts into chunks.
//!
//! A [`Chunker`] gives spans: byte ranges of the text on character boundaries, in order, the same for the same text every
//! time. The chunks of one level cover the whole text; each begins exactly [`Overlap`](Sizes::overlap) units before the
//! one before it ended, and none is longer than it may be.

mod boundary;
mod character;
mod hierarchical;
mod markdown;
mod recursive;
mod ruler;
mod size;
mod tokens;

use std::ops::Range;

pub use character::CharacterChunker;
pub use hierarchical::HierarchicalChunker;
pub use markdown::MarkdownChunker;
pub use recursive::RecursiveChunker;
pub use size::{Size, Sizes, Unit, UnknownSize};
pub use tokens::TokenStarts;

use crate::TextError;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The bytes of the text.
    pub span: Range<usize>,
    /// How deep in a hierarchy, 0 at the top.
    pub level: usize,
    /// The number of the chunk that it is a part of, one level up.
    pub parent: Option<usize>,
    /// The headings above it, the outermost first.
    pub headings: Vec<String>,
}

impl Chunk {
    /// A chunk at the top, below no heading.
    #[must_use]
    pub const fn top(span: Range<usize>) -> Self {
        Self { span, level: 0, parent: None, headings: Vec::new() }
    }
}

/// A way to cut texts.
pub trait Chunker: Send + Sync {
    /// The chunks of a text, in the order of their starts within a level. An empty text has none.
    ///
    /// # Errors
    /// The tokenizer fails, where sizes are in tokens.
    fn chunk(&self, text: &str) -> Result<Vec<Chunk>, TextError>;
}
