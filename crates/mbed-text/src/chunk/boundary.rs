//! Places at which a text may be cut.

use icu_segmenter::SentenceSegmenter;
use memchr::memchr;

/// How good a place for a cut is, the best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
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
    let ends = segmenter.segment_str(text).map(|offset| before_opening(text, offset));
    for offset in ends.filter(|&offset| 0 < offset && offset < text.len()) {
        let (before, after) = text.split_at(offset);
        match level_of_line_end(before) {
            Some(level) => found.push(Boundary { offset, level }),
            None if is_sentence_end(before, after) => found.push(Boundary { offset, level: Level::Sentence }),
            None => {}
        }
    }
    let thai = thai_ends(text).map(|offset| Boundary { offset, level: Level::Sentence });
    let unknown = found.len();
    found.extend(thai);
    if found.len() > unknown {
        found.sort_by_key(|place| place.offset);
    }
    found
}

/// The first byte of Thai letters.
const THAI: u8 = 0xe0;

/// Where clauses of Thai end: there is no full stop, and a space stands between them and not between words.
pub(super) fn thai_ends(text: &str) -> impl Iterator<Item = usize> {
    let letters = |c: char| matches!(c, '\u{e01}'..='\u{e4e}');
    // Texts without the first byte of Thai letters need no look at every space.
    let part = memchr(THAI, text.as_bytes()).map_or("", |_| text);
    part.match_indices(' ').filter_map(move |(space, _)| {
        let (before, after) = (text.get(..space)?, text.get(space + 1..)?);
        (before.ends_with(letters) && after.starts_with(letters)).then_some(space + 1)
    })
}

/// A sentence also ends at the end of a line; an empty line makes that the end of a paragraph.
pub(super) fn level_of_line_end(before: &str) -> Option<Level> {
    let line = before.strip_suffix('\n').or_else(|| before.strip_suffix('\r'))?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    let last = line.chars().rev().find(|&c| matches!(c, '\n' | '\r') || !c.is_whitespace());
    Some(if matches!(last, None | Some('\n' | '\r')) { Level::Paragraph } else { Level::Line })
}

/// What opens belongs to what follows; by the rules of Unicode it ends a sentence when no space stands before it, as in
/// Chinese.
pub(super) fn before_opening(text: &str, offset: usize) -> usize {
    let opens =
        |c: char| "\u{201c}\u{2018}\u{ab}\u{300c}\u{300e}\u{ff08}\u{300a}\u{3008}\u{3010}([{".contains(c);
    text.get(..offset).map_or(offset, |before| before.trim_end_matches(opens).len())
}

/// Whether a sentence ends between the two, where the rules of Unicode allow it.
pub(super) fn is_sentence_end(before: &str, after: &str) -> bool {
    // A question inside of a sentence goes on in a small letter.
    !after.starts_with(char::is_lowercase) && !ends_in_abbreviation(before)
}

/// Words before a full stop that do not end a sentence.
const ABBREVIATIONS: [&str; 34] = [
    "al", "approx", "art", "bzw", "ca", "cf", "co", "corp", "dept", "dr", "e.g", "ed", "eds", "etc", "fig",
    "i.e", "inc", "jr", "ltd", "mr", "mrs", "ms", "no", "nr", "pp", "prof", "resp", "sr", "st", "u.s", "vgl",
    "vol", "vs", "z.b",
];

/// Characters of the longest of them.
const LONGEST_ABBREVIATION: usize = 6;

/// Whether the last word before the white space is an abbreviation or one letter with a full stop.
fn ends_in_abbreviation(before: &str) -> bool {
    let Some(before) = before.trim_end().strip_suffix('.') else { return false };
    let starts = |c: char| c.is_whitespace() || matches!(c, '(' | '[' | '"' | '\u{201c}');
    let letters = before.chars().rev().take(LONGEST_ABBREVIATION + 1).take_while(|&c| !starts(c));
    let word = before.get(before.len() - letters.map(char::len_utf8).sum::<usize>()..).unwrap_or_default();
    let is_initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    is_initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
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
        check("「はい。」と言った。帰った。", &["「はい。」", "と言った。"]);
        check("这是桥。那是河！“是吗？”他说。好", &["这是桥。", "那是河！", "“是吗？”", "他说。"]);
        check("ฉันชอบสะพาน เธอชอบแม่น้ำ เราไปกัน 3 คน", &["ฉันชอบสะพาน ", "เธอชอบแม่น้ำ "]);
        check("Das kostet z.B. 3 Kronen. Gut.", &["Das kostet z.B. 3 Kronen. "]);
        check("See www.example.org for 1.2.3 of it. Then", &["See www.example.org for 1.2.3 of it. "]);
        check("He said \"Go!\" and left. (He ran.) Why?", &["He said \"Go!\" and left. ", "(He ran.) "]);
        check("Wait... what? No", &["Wait... what? "]);
        check("Это мост. А это река? Да", &["Это мост. ", "А это река? "]);
        check("هذا جسر. هل هذا نهر؟ نعم", &["هذا جسر. ", "هل هذا نهر؟ "]);
        check("यह पुल है। वह नदी है।", &["यह पुल है। "]);
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
}
