//! Places at which a text may be cut.

use icu_segmenter::{SentenceSegmenter, WordSegmenter};

/// How good a place for a cut is, the best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Word,
    Sentence,
    Line,
    Paragraph,
}

/// A place at which a text may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Boundary {
    pub(super) offset: usize,
    pub(super) level: Level,
}

/// Ends of sentences, lines and paragraphs, in order; the end of the text is not among them.
pub(super) fn boundaries(text: &str) -> Vec<Boundary> {
    let segmenter = SentenceSegmenter::new(Default::default());
    let mut found = Vec::new();
    for offset in segmenter.segment_str(text).filter(|&offset| 0 < offset && offset < text.len()) {
        let (before, after) = text.split_at(offset);
        match level_of_line_end(before) {
            Some(level) => found.push(Boundary { offset, level }),
            // A question inside of a sentence goes on in a small letter.
            None if after.starts_with(char::is_lowercase) || ends_in_abbreviation(before) => {}
            None => found.push(Boundary { offset, level: Level::Sentence }),
        }
    }
    found
}

/// A sentence also ends at the end of a line; an empty line makes that the end of a paragraph.
fn level_of_line_end(before: &str) -> Option<Level> {
    let line = before.strip_suffix('\n').or_else(|| before.strip_suffix('\r'))?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    let last = line.rsplit(['\n', '\r']).next().unwrap_or(line);
    Some(if last.trim().is_empty() { Level::Paragraph } else { Level::Line })
}

/// Words before a full stop that do not end a sentence.
const ABBREVIATIONS: [&str; 34] = [
    "al", "approx", "art", "bzw", "ca", "cf", "co", "corp", "dept", "dr", "e.g", "ed", "eds", "etc", "fig",
    "i.e", "inc", "jr", "ltd", "mr", "mrs", "ms", "no", "nr", "pp", "prof", "resp", "sr", "st", "u.s", "vgl",
    "vol", "vs", "z.b",
];

/// Whether the last word before the white space is an abbreviation or one letter with a full stop.
fn ends_in_abbreviation(before: &str) -> bool {
    let Some(word) = before.trim_end().strip_suffix('.') else { return false };
    let word = word.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '"' | '\u{201c}')).next();
    let word = word.unwrap_or_default();
    let is_initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    is_initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

/// The last end of a word in `window` behind `least`, as offsets into it.
pub(super) fn last_word_end(window: &str, least: usize) -> Option<usize> {
    let segmenter = WordSegmenter::new_auto(Default::default());
    let inside = segmenter.segment_str(window).filter(|&offset| least <= offset && offset < window.len());
    // White space goes with the word before it.
    inside
        .filter(|&offset| window.get(offset..).is_some_and(|rest| !rest.starts_with(char::is_whitespace)))
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(Level, &str)> {
        let mut start = 0;
        let parts = boundaries(text).into_iter().map(|Boundary { offset, level }| {
            let part = &text[start..offset];
            start = offset;
            (level, part)
        });
        parts.collect()
    }

    #[test]
    fn sentences_end_where_people_end_them() {
        let check = |text: &str, expected: &[&str]| {
            let got: Vec<&str> = parts(text).into_iter().map(|(_, part)| part).collect();
            assert_eq!(got, expected, "{text:?}");
        };
        check("One. Two! Three? Four", &["One. ", "Two! ", "Three? "]);
        check(
            "Dr. Smith met Prof. Jones, e.g. in St. Ives. They talked.",
            &["Dr. Smith met Prof. Jones, e.g. in St. Ives. "],
        );
        check("\u{201c}Is it far?\u{201d} she asked. It was.", &["\u{201c}Is it far?\u{201d} she asked. "]);
        check("J. R. Tolkien wrote. He did.", &["J. R. Tolkien wrote. "]);
        check("It costs 3.50 today. Fine.", &["It costs 3.50 today. "]);
        check("これは橋です。あれは川です。", &["これは橋です。"]);
    }

    #[test]
    fn lines_and_paragraphs_are_told_apart() {
        let expected = [
            (Level::Line, "a line\n"),
            (Level::Line, "another\r\n"),
            (Level::Paragraph, "\r\n"),
            (Level::Sentence, "One. "),
        ];
        assert_eq!(parts("a line\nanother\r\n\r\nOne. Two"), expected);
    }

    #[test]
    fn words_keep_the_space_behind_them() {
        assert_eq!(last_word_end("the bridge near", 0), Some("the bridge ".len()));
        assert_eq!(last_word_end("thebridge", 0), Some(0));
        assert_eq!(last_word_end("the bridge near", 12), None);
    }
}
