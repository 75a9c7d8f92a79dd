//! A text measured in units.

use icu_segmenter::WordSegmenter;

use super::size::{Measure, Sizes};
use crate::TextError;

/// Characters between two marks.
const MARK_EVERY: usize = 256;

/// A text measured in units. Unit `i` goes from `offset(i)` to `offset(i + 1)`, and together they are the whole text.
#[derive(Debug)]
pub(super) struct Ruler<'a> {
    text: &'a str,
    starts: Starts,
}

#[derive(Debug)]
enum Starts {
    /// Every character is a unit; the offset of every [`MARK_EVERY`]th is kept.
    Characters { marks: Vec<usize>, count: usize },
    /// The offset of each unit, the first 0.
    Listed(Vec<usize>),
}

impl<'a> Ruler<'a> {
    pub(super) fn new(text: &'a str, sizes: &Sizes) -> Result<Self, TextError> {
        let starts = match &sizes.measure {
            Measure::Characters => {
                let marks = text.char_indices().step_by(MARK_EVERY).map(|(offset, _)| offset).collect();
                Starts::Characters { marks, count: text.chars().count() }
            }
            Measure::Words => listed(text, word_starts(text)),
            Measure::Tokens(tokens) => listed(text, tokens.of(text)?),
        };
        Ok(Self { text, starts })
    }

    /// How many units there are.
    pub(super) fn units(&self) -> usize {
        match &self.starts {
            Starts::Characters { count, .. } => *count,
            Starts::Listed(starts) => starts.len(),
        }
    }

    /// Where a unit begins; the end of the text for the number behind the last.
    pub(super) fn offset(&self, unit: usize) -> usize {
        let end = self.text.len();
        match &self.starts {
            Starts::Listed(starts) => starts.get(unit).copied().unwrap_or(end),
            Starts::Characters { marks, .. } => {
                let Some(&mark) = marks.get(unit / MARK_EVERY) else { return end };
                let rest = self.text.get(mark..).unwrap_or_default();
                rest.char_indices().nth(unit % MARK_EVERY).map_or(end, |(offset, _)| mark + offset)
            }
        }
    }

    /// How many units begin before an offset.
    pub(super) fn units_before(&self, offset: usize) -> usize {
        match &self.starts {
            Starts::Listed(starts) => starts.partition_point(|&start| start < offset),
            Starts::Characters { marks, .. } => {
                let Some(last) = marks.partition_point(|&mark| mark < offset).checked_sub(1) else {
                    return 0;
                };
                let mark = marks.get(last).copied().unwrap_or_default();
                last * MARK_EVERY + self.text.get(mark..offset).unwrap_or_default().chars().count()
            }
        }
    }
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
