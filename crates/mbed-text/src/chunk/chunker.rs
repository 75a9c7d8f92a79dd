//! What every way to cut texts has in common.

use std::ops::Range;
use std::sync::Arc;

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
    /// Which strategy made it, and why that one, where there was a choice.
    pub reason: Option<Arc<str>>,
}

impl Chunk {
    /// A chunk at the top, below no heading.
    #[must_use]
    pub const fn top(span: Range<usize>) -> Self {
        Self { span, level: 0, parent: None, headings: Vec::new(), reason: None }
    }
}

/// A way to cut texts.
pub trait Chunker: Send + Sync {
    /// The chunks of a text, in the order of their starts within a level. An empty text has none.
    ///
    /// # Errors
    /// The tokenizer fails, where sizes are in tokens.
    fn chunk(&self, text: &str) -> Result<Vec<Chunk>, TextError>;

    /// The chunks of each text, the same as one by one; faster where a strategy embeds.
    ///
    /// # Errors
    /// As [`Chunker::chunk`]; the embedder fails.
    fn chunk_all(&self, texts: &[&str]) -> Result<Vec<Vec<Chunk>>, TextError> {
        texts.iter().map(|text| self.chunk(text)).collect()
    }

    /// Whether its chunks tell why their strategy was chosen.
    fn gives_reasons(&self) -> bool {
        false
    }
}
