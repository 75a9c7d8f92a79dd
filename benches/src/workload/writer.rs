//! Texts of common words. Most tokenizers have each of them in one piece.

use crate::random::Random;

const WORDS: &str = include_str!("../../workloads/words.txt");

/// The words that hold sentences together stand in the first line.
const SHARE_OF_SMALL_WORDS: f64 = 0.4;

/// Writes texts. The same seed writes the same.
#[derive(Debug)]
pub(crate) struct Writer {
    small: Vec<&'static str>,
    others: Vec<&'static str>,
    pub(crate) random: Random,
}

impl Writer {
    pub(crate) fn new(random: Random) -> Self {
        let (first, rest) = WORDS.split_once('\n').unwrap_or((WORDS, WORDS));
        Self { small: first.split_whitespace().collect(), others: rest.split_whitespace().collect(), random }
    }

    /// A word that means something.
    pub(crate) fn content_word(&mut self) -> &'static str {
        let place = self.random.below(self.others.len());
        self.others.get(place).copied().unwrap_or_default()
    }

    fn word(&mut self) -> &'static str {
        if self.random.unit() >= SHARE_OF_SMALL_WORDS {
            return self.content_word();
        }
        let place = self.random.below(self.small.len());
        self.small.get(place).copied().unwrap_or_default()
    }

    /// A text of so many words and nothing else.
    pub(crate) fn words(&mut self, count: usize) -> String {
        let words: Vec<&str> = (0..count).map(|_| self.word()).collect();
        words.join(" ")
    }

    /// Sentences of so many words in all.
    pub(crate) fn prose(&mut self, count: usize) -> String {
        let (mut text, mut left) = (String::new(), count);
        while left > 0 {
            let sentence = (8 + self.random.below(14)).min(left);
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&self.words(sentence));
            text.push('.');
            left -= sentence;
        }
        text
    }
}
