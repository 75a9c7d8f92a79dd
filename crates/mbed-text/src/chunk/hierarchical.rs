//! Chunks of chunks.

use std::num::NonZeroUsize;

use super::ruler::Ruler;
use super::{Chunk, Chunker, Sizes, recursive};
use crate::TextError;

/// Chunks of several sizes: each level cuts the chunks of the one above it. Chunks of lower levels share text with their
/// neighbours within one parent only.
#[derive(Clone, Debug)]
pub struct HierarchicalChunker {
    sizes: Sizes,
    levels: Vec<NonZeroUsize>,
}

impl HierarchicalChunker {
    /// The units and the overlap are those of `sizes`; `levels` are the most units on each level, the largest first.
    /// `None` where they do not fall.
    #[must_use]
    pub fn new(sizes: Sizes, levels: Vec<NonZeroUsize>) -> Option<Self> {
        let falls = levels.is_sorted_by(|above, below| above > below);
        (falls && !levels.is_empty()).then_some(Self { sizes, levels })
    }
}

impl Chunker for HierarchicalChunker {
    fn chunk(&self, text: &str) -> Result<Vec<Chunk>, TextError> {
        let ruler = Ruler::new(text, &self.sizes)?;
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut above = 0..0;
        for (level, &most) in self.levels.iter().enumerate() {
            let sizes = self.sizes.with(most, self.sizes.overlap);
            let begin = chunks.len();
            let parents: Vec<_> = if level == 0 {
                vec![(None, 0..text.len())]
            } else {
                above
                    .clone()
                    .filter_map(|parent| Some((Some(parent), chunks.get(parent)?.span.clone())))
                    .collect()
            };
            for (parent, part) in parents {
                let spans = recursive::spans(&ruler, part, &sizes).into_iter();
                chunks.extend(spans.map(|span| Chunk { level, parent, ..Chunk::top(span) }));
            }
            above = begin..chunks.len();
        }
        Ok(chunks)
    }
}
