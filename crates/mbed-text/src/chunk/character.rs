//! Chunks of so many units, wherever they end.

use super::ruler::Ruler;
use super::{Chunk, Chunker, Sizes};
use crate::TextError;

/// Chunks of exactly so many units, the last one of those that are left.
#[derive(Clone, Debug)]
pub struct CharacterChunker {
    sizes: Sizes,
}

impl CharacterChunker {
    /// Cuts to these sizes.
    #[must_use]
    pub const fn new(sizes: Sizes) -> Self {
        Self { sizes }
    }
}

impl Chunker for CharacterChunker {
    fn chunk(&self, text: &str) -> Result<Vec<Chunk>, TextError> {
        let ruler = Ruler::new(text, &self.sizes)?;
        let (units, most) = (ruler.units(), self.sizes.most.get());
        let mut chunks = Vec::new();
        let mut first = 0;
        while first < units {
            let end = first.saturating_add(most).min(units);
            chunks.push(Chunk::top(ruler.offset(first)..ruler.offset(end)));
            if end == units {
                break;
            }
            first = end - self.sizes.overlap;
        }
        Ok(chunks)
    }
}
