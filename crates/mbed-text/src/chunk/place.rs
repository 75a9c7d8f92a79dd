//! The best place in a part of a text.
//!
//! Only that part is looked at, and most of it only for line ends and full stops: finding every sentence of a text first
//! took ten times as long as everything else together.

use std::ops::Range;

use icu_segmenter::{SentenceSegmenter, WordSegmenter};
use memchr::{memrchr2_iter, memrchr3_iter};

use super::boundary::{Level, before_opening, is_sentence_end, level_of_line_end, thai_ends};

/// How many characters are looked at before and behind a place, so that texts without letters take no longer.
const FARTHEST: usize = 4096;

/// Characters on either side of a part that are looked at for words: more than any word has.
const CONTEXT: usize = 64;

/// A part of a text in which it may be cut, both ends included, and the text around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Window<'a> {
    pub(super) const fn new(text: &'a str, part: Range<usize>) -> Self {
        Self { text, start: part.start, end: part.end }
    }

    /// The last end of a paragraph, else of a line, else of a sentence, else of a word.
    pub(super) fn best(self) -> Option<usize> {
        self.line_end().or_else(|| self.sentence_end()).or_else(|| self.word_end())
    }

    fn line_end(self) -> Option<usize> {
        // A place is behind the byte that ends a line.
        let first = self.start.saturating_sub(1);
        let mut last_line = None;
        for found in memrchr2_iter(b'\n', b'\r', self.bytes(first, self.end)) {
            let offset = first + found + 1;
            let (before, after) = self.text.split_at_checked(offset)?;
            match level_of_line_end(before) {
                // One end of a line, not two.
                _ if before.ends_with('\r') && after.starts_with('\n') => {}
                Some(Level::Paragraph) => return Some(offset),
                _ => last_line = last_line.or(Some(offset)),
            }
        }
        last_line
    }

    fn sentence_end(self) -> Option<usize> {
        let anchor = anchor(self.text, self.start);
        let part = self.bytes(anchor, self.end);
        if !part.is_ascii() {
            return self.sentence_ends(anchor, self.end).last().max(self.thai_end());
        }
        // Nothing else in ASCII ends a sentence inside of a line.
        let mut stops = memrchr3_iter(b'.', b'?', b'!', part).map(|found| anchor + found);
        stops.find_map(|stop| self.sentence_ends(self::anchor(self.text, stop), stop).last())
    }

    /// Ends of sentences in the window that depend on nothing before `anchor` and on no full stop behind `last`.
    fn sentence_ends(self, anchor: usize, last: usize) -> impl Iterator<Item = usize> + 'a {
        let until = self.next_letter(last);
        let part = self.text.get(anchor..until).unwrap_or_default();
        let segmenter = SentenceSegmenter::new(Default::default());
        let ends = segmenter.segment_str(part).map(move |offset| before_opening(self.text, anchor + offset));
        ends.filter(move |&offset| {
            let inside = self.start <= offset && offset <= self.end && anchor < offset && offset < until;
            inside
                && self
                    .text
                    .split_at_checked(offset)
                    .is_some_and(|(before, after)| is_sentence_end(before, after))
        })
    }

    fn thai_end(self) -> Option<usize> {
        // A place needs the letter and the space before it, and the letter behind it.
        let first = self.text.floor_char_boundary(self.start.saturating_sub(4));
        let part = self.text.get(first..self.text.ceil_char_boundary(self.end + 1))?;
        let ends = thai_ends(part).map(|offset| first + offset);
        ends.filter(|offset| (self.start..=self.end).contains(offset)).last()
    }

    /// The end of the next letter behind `last`: whether a sentence ends depends on that and on nothing further away.
    fn next_letter(self, last: usize) -> usize {
        let rest = self.text.get(last..).unwrap_or_default();
        let mut seen = last;
        for c in rest.chars().take(FARTHEST) {
            seen += c.len_utf8();
            if c == '\n' || is_letter(c) {
                break;
            }
        }
        seen
    }

    fn word_end(self) -> Option<usize> {
        let part = self.text.get(self.start..self.end)?;
        let next = self.text.get(self.end..)?;
        // The window may end between two words.
        if part.ends_with(char::is_whitespace) && !next.starts_with(char::is_whitespace) {
            return Some(self.end);
        }
        // Where scripts put no spaces, words are only found with those around them.
        let (before, after) = self.text.split_at_checked(self.start)?;
        let near = |c: &char| !c.is_whitespace();
        let back: usize = before.chars().rev().take(CONTEXT).take_while(near).map(char::len_utf8).sum();
        let ahead: usize = next.chars().take(CONTEXT).take_while(near).map(char::len_utf8).sum();
        let around = after.len().min(self.end - self.start + ahead);
        let (first, last) = (self.start - back, self.start + around);
        let segmenter = WordSegmenter::new_auto(Default::default());
        let ends = segmenter.segment_str(self.text.get(first..last)?).map(|offset| first + offset);
        let inside = ends.filter(|&end| first < end && self.start <= end && end <= self.end);
        // White space and signs go with the word before them.
        let is_good = |&end: &usize| {
            let rest = self.text.get(end..).unwrap_or_default();
            !rest.starts_with(char::is_whitespace)
                && (end < self.end || rest.starts_with(char::is_alphanumeric))
        };
        inside.filter(is_good).last()
    }

    fn bytes(self, start: usize, end: usize) -> &'a [u8] {
        self.text.as_bytes().get(start..end).unwrap_or_default()
    }
}

/// The last place up to `offset` from which on the ends of sentences do not depend on what stands before it: between two
/// letters, or behind the end of a line.
///
/// By the rules of Unicode (UAX #29) an end depends on a full stop, on what closes and on white space before it, and on
/// the one letter before the full stop.
fn anchor(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or_default();
    let mut next = '.';
    let mut place = offset;
    for (start, c) in before.char_indices().rev().take(FARTHEST) {
        if c == '\n' || is_letter(c) && is_letter(next) {
            return place;
        }
        (next, place) = (c, start);
    }
    place
}

/// Letters and nothing else, of the scripts that most texts are in: with another one a place is only looked for further
/// away.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic()
        || matches!(c,
            '\u{c0}'..='\u{24f}'
            | '\u{370}'..='\u{481}'
            | '\u{48a}'..='\u{52f}'
            | '\u{5d0}'..='\u{5ea}'
            | '\u{620}'..='\u{64a}'
            | '\u{904}'..='\u{939}'
            | '\u{e01}'..='\u{e2e}'
            | '\u{3041}'..='\u{3096}'
            | '\u{30a1}'..='\u{30fa}'
            | '\u{3400}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}')
            && c.is_alphabetic()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::boundary::boundaries;

    fn best(text: &str, start: usize, end: usize) -> Option<usize> {
        Window::new(text, start..end).best()
    }

    #[test]
    fn words_keep_the_space_behind_them() {
        assert_eq!(best("the bridge near it", 1, 15), Some("the bridge ".len()));
        assert_eq!(best("the bridge near it", 1, 16), Some(16));
        assert_eq!(best("thebridge", 1, 8), None);
        assert_eq!(best("the bridge near it", 12, 14), None);
    }

    fn texts() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("the bridge "),
            Just("Dr. Smith said so. "),
            Just("so? she said. "),
            Just("J. R. "),
            Just("3. 14 "),
            Just("etc.) "),
            Just("Wait... "),
            Just("a.b.C.d"),
            Just("\u{201c}Oh!\u{201d} "),
            Just("\u{85}"),
            Just("\u{2029}"),
            Just("e\u{301}. E"),
            Just("\n"),
            Just("\r"),
            Just("\r\n"),
            Just(" \n\n"),
            Just("日本語。"),
            Just("「はい。」"),
            Just("(So.)"),
            Just("ภาษาไทย "),
            Just("ง่าย"),
            Just("123 "),
            Just("\u{1f642}!"),
        ];
        proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Looking at a part finds what finding all places first would.
        #[test]
        fn the_place_is_the_best_of_all(text in texts(), from in 0.0..1.0, length in 0_usize..60) {
            // As a chunk, a window neither begins nor ends with its text.
            let Some(inner) = text.len().checked_sub(2) else { return Ok(()) };
            let start = text.ceil_char_boundary(1 + (inner as f64 * from) as usize);
            let end = text.floor_char_boundary((start + length).min(text.len() - 1)).max(start);
            if end >= text.len() {
                return Ok(());
            }
            let all = boundaries(&text);
            let inside = all.iter().filter(|place| (start..=end).contains(&place.offset));
            let expected = inside.max_by_key(|place| (place.level, place.offset));
            let window = Window::new(&text, start..end);
            let got = window.line_end().or_else(|| window.sentence_end());
            prop_assert_eq!(got, expected.map(|place| place.offset), "{:?}", text);
        }
    }
}
