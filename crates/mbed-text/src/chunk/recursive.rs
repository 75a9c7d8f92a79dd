//! Chunks that end at the best place.

use std::ops::Range;

use super::boundary::{Boundary, Level, boundaries, last_word_end};
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
        Ok(spans(text, &self.sizes)?.into_iter().map(Chunk::top).collect())
    }
}

/// The spans of a text.
pub(super) fn spans(text: &str, sizes: &Sizes) -> Result<Vec<Range<usize>>, TextError> {
    let ruler = Ruler::new(text, sizes)?;
    let (units, most) = (ruler.units(), sizes.most.get());
    let places = if units > most { boundaries(text) } else { Vec::new() };
    let mut spans = Vec::new();
    let mut first = 0;
    while first < units {
        let start = ruler.offset(first);
        let last = first.saturating_add(most);
        if last >= units {
            spans.push(start..text.len());
            break;
        }
        // The next chunk begins `overlap` units before this one ends, and that must be behind this one's start.
        let least = first + (most / 2).max(sizes.overlap + 1).min(most);
        let place = best_place(text, &places, ruler.offset(least)..ruler.offset(last));
        // A place inside of a unit is moved to its end.
        let end =
            place.map_or(last, |place| ruler.units_before(place)).clamp(sizes.overlap + first + 1, last);
        spans.push(start..ruler.offset(end));
        first = end - sizes.overlap;
    }
    Ok(spans)
}

/// The last of the best places in `window`, its end included.
fn best_place(text: &str, places: &[Boundary], window: Range<usize>) -> Option<usize> {
    let from = places.partition_point(|place| place.offset < window.start);
    let to = places.partition_point(|place| place.offset <= window.end);
    let inside = places.get(from..to).unwrap_or_default();
    let best = inside
        .iter()
        .max_by_key(|place| (place.level, place.offset))
        .filter(|place| place.level > Level::Word);
    best.map(|place| place.offset).or_else(|| {
        let part = text.get(window.start..window.end)?;
        let next = text.get(window.end..)?;
        // The window may end between two words.
        if part.ends_with(char::is_whitespace) && !next.starts_with(char::is_whitespace) {
            return Some(window.end);
        }
        last_word_end(part, 1).map(|offset| window.start + offset)
    })
}
