//! Chunks that end at the best place.

use std::ops::Range;

use super::place::Window;
use super::ruler::Ruler;
use super::{Chunk, Chunker, Sizes};
use crate::TextError;

/// Chunks as long as they may be, cut at the end of a paragraph, else of a line, else of a sentence, else of a word.
///
/// A place in the first half of what would fit is taken only where the second half has none at all, so that a heading
/// before a long paragraph does not stand alone.
#[derive(Clone, Debug)]
pub struct RecursiveChunker {
    sizes: Sizes,
}

impl RecursiveChunker {
    /// Cuts to these sizes.
    #[must_use]
    pub const fn new(sizes: Sizes) -> Self {
        Self { sizes }
    }
}

impl Chunker for RecursiveChunker {
    fn chunk(&self, text: &str) -> Result<Vec<Chunk>, TextError> {
        Ok(cut(&Ruler::new(text, &self.sizes)?, &self.sizes))
    }
}

/// The chunks of a whole text.
pub(super) fn cut(ruler: &Ruler<'_>, sizes: &Sizes) -> Vec<Chunk> {
    spans(ruler, 0..ruler.text().len(), sizes).into_iter().map(Chunk::top).collect()
}

/// The spans of a part of a text. A unit belongs to the part that it begins in.
pub(super) fn spans(ruler: &Ruler<'_>, part: Range<usize>, sizes: &Sizes) -> Vec<Range<usize>> {
    let most = sizes.most.get();
    let (mut first, units) = (ruler.units_before(part.start), ruler.units_before(part.end));
    let mut start = part.start;
    let mut spans = Vec::new();
    while start < part.end {
        let last = first.saturating_add(most);
        if last >= units {
            spans.push(start..part.end);
            break;
        }
        // The next chunk begins `overlap` units before this one ends, and that must be behind this one's start.
        let least = first + (most / 2).max(sizes.overlap + 1).min(most);
        let window = ruler.offset(least)..ruler.offset(last);
        // A place inside of a unit is moved to its end.
        let place = Window::new(ruler.text(), window.clone()).best().unwrap_or(window.end);
        let found = ruler.units_before(place);
        let end = found.clamp(sizes.overlap + first + 1, last);
        let offset = if end == found { ruler.offset_near(found, place) } else { ruler.offset(end) };
        spans.push(start..offset);
        first = end - sizes.overlap;
        start = if sizes.overlap == 0 { offset } else { ruler.offset(first) };
    }
    spans
}
