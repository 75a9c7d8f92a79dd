//! A text measured in units.

use icu_segmenter::WordSegmenter;

use super::size::{Measure, Sizes};
use crate::TextError;

/// Bytes between two marks.
const MARK_EVERY: usize = 256;

/// A text measured in units. Unit `i` goes from `offset(i)` to `offset(i + 1)`, and together they are the whole text.
#[derive(Debug)]
pub(super) struct Ruler<'a> {
    text: &'a str,
    starts: Starts,
}

#[derive(Debug)]
enum Starts {
    /// Every byte is a character, and every character is a unit.
    Bytes,
    /// Every character is a unit; how many begin before each mark, and how many there are.
    Characters { marks: Vec<usize>, count: usize },
    /// The offset of each unit, the first 0.
    Listed(Vec<usize>),
}

impl<'a> Ruler<'a> {
    pub(super) fn new(text: &'a str, sizes: &Sizes) -> Result<Self, TextError> {
        let starts = match &sizes.measure {
            Measure::Characters if text.is_ascii() => Starts::Bytes,
            Measure::Characters => characters(text),
            Measure::Words => listed(text, word_starts(text)),
            Measure::Tokens(tokens) => listed(text, tokens.of(text)?),
        };
        Ok(Self { text, starts })
    }

    /// What is measured.
    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    /// How many units there are.
    pub(super) fn units(&self) -> usize {
        match &self.starts {
            Starts::Bytes => self.text.len(),
            Starts::Characters { count, .. } => *count,
            Starts::Listed(starts) => starts.len(),
        }
    }

    /// Where a unit begins; the end of the text for the number behind the last.
    pub(super) fn offset(&self, unit: usize) -> usize {
        let end = self.text.len();
        match &self.starts {
            Starts::Bytes => unit.min(end),
            Starts::Listed(starts) => starts.get(unit).copied().unwrap_or(end),
            Starts::Characters { marks, .. } => {
                let mark = marks.partition_point(|&before| before <= unit).saturating_sub(1);
                let before = marks.get(mark).copied().unwrap_or_default();
                let (first, wanted) = (mark * MARK_EVERY, unit - before);
                if marks.get(mark + 1).is_some_and(|&next| next - before == MARK_EVERY) {
                    return first + wanted;
                }
                let rest = self.text.as_bytes().get(first..).unwrap_or_default();
                nth_character(rest, wanted).map_or(end, |offset| first + offset)
            }
        }
    }

    /// Where a unit begins that is the first one not before `offset`, which is on a boundary of characters.
    pub(super) fn offset_near(&self, unit: usize, offset: usize) -> usize {
        match &self.starts {
            Starts::Listed(_) => self.offset(unit),
            Starts::Bytes | Starts::Characters { .. } => offset,
        }
    }

    /// How many units begin before an offset.
    pub(super) fn units_before(&self, offset: usize) -> usize {
        match &self.starts {
            Starts::Bytes => offset.min(self.text.len()),
            Starts::Listed(starts) => starts.partition_point(|&start| start < offset),
            Starts::Characters { marks, .. } => {
                let mark = offset / MARK_EVERY;
                let before = marks.get(mark).copied().unwrap_or_default();
                before
                    + count_characters(
                        self.text.as_bytes().get(mark * MARK_EVERY..offset).unwrap_or_default(),
                    )
            }
        }
    }
}

/// Counted by bytes in blocks, which is done many at a time.
fn characters(text: &str) -> Starts {
    let mut marks = Vec::with_capacity(text.len() / MARK_EVERY + 2);
    let mut count = 0;
    for block in text.as_bytes().chunks(MARK_EVERY) {
        marks.push(count);
        count += count_characters(block);
    }
    // A text may end at a mark.
    marks.push(count);
    Starts::Characters { marks, count }
}

fn count_characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| begins_character(**byte)).count()
}

/// Where a character begins: blocks are counted until it is in the next one.
fn nth_character(bytes: &[u8], mut wanted: usize) -> Option<usize> {
    const BLOCK: usize = 32;
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        let count = count_characters(block);
        if wanted < count {
            let mut begins = block.iter().enumerate().filter(|(_, byte)| begins_character(**byte));
            return begins.nth(wanted).map(|(offset, _)| number * BLOCK + offset);
        }
        wanted -= count;
    }
    None
}

/// Whether a byte of UTF-8 begins a character.
const fn begins_character(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

/// The first unit takes what stands before it.
fn listed(text: &str, mut starts: Vec<usize>) -> Starts {
    match starts.first_mut() {
        Some(first) => *first = 0,
        None if text.is_empty() => {}
        None => starts.push(0),
    }
    Starts::Listed(starts)
}

fn word_starts(text: &str) -> Vec<usize> {
    let segmenter = WordSegmenter::new_auto(Default::default());
    let mut starts = Vec::new();
    let mut start = 0;
    // Signs behind white space belong to the word that follows, others to the one before them.
    let mut behind_space = Some(0);
    let mut breaks = segmenter.segment_str(text);
    while let Some(end) = breaks.next() {
        if breaks.is_word_like() {
            starts.push(behind_space.take().unwrap_or(start));
        } else if text.get(start..end).is_some_and(|part| part.ends_with(char::is_whitespace)) {
            behind_space = Some(end);
        }
        start = end;
    }
    starts
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[test]
    fn words_are_counted_as_people_do_in_any_script() {
        let check = |text: &str, expected: &[&str]| {
            let sizes = Sizes::words(NonZeroUsize::MIN, 0).unwrap();
            let ruler = Ruler::new(text, &sizes).unwrap();
            let units: Vec<&str> =
                (0..ruler.units()).map(|unit| &text[ruler.offset(unit)..ruler.offset(unit + 1)]).collect();
            assert_eq!(units, expected, "{text:?}");
        };
        check("", &[]);
        check("  ", &["  "]);
        check(" the bridge, isn't it? ", &[" the ", "bridge, ", "isn't ", "it? "]);
        check("near (the \"old\") bridge", &["near ", "(the ", "\"old\") ", "bridge"]);
        check("日本語のテキスト", &["日本語", "の", "テキスト"]);
        check("ภาษาไทยง่าย", &["ภาษา", "ไทย", "ง่าย"]);
    }

    #[test]
    fn characters_are_found_from_either_side() {
        let text: String = "aé日🙂".repeat(300);
        let sizes = Sizes::characters(NonZeroUsize::MIN, 0).unwrap();
        let ruler = Ruler::new(&text, &sizes).unwrap();
        assert_eq!(ruler.units(), 1200);
        for (unit, (offset, _)) in text.char_indices().enumerate() {
            assert_eq!((ruler.offset(unit), ruler.units_before(offset)), (offset, unit));
        }
        assert_eq!((ruler.offset(1200), ruler.units_before(text.len())), (text.len(), 1200));
    }
}
