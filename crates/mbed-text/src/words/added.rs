//! Added tokens (`[SEP]`), which are found in a text before it is cut into words.

use tokenizers::{AddedToken, NormalizedString, Normalizer, NormalizerWrapper};

use super::alphabet::{Alphabet, Class};

/// The added tokens of a tokenizer, each as the bytes that are looked for.
#[derive(Debug)]
pub(super) struct Added {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    bytes: Vec<u8>,
    searched: Searched,
}

/// Where an added token is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Searched {
    Text,
    NormalizedText,
}

impl Added {
    /// Takes note of `tokens` and of what they begin with, or `None` where one of them could begin within a word or
    /// holds white space.
    ///
    /// White space that an added token takes in around itself (`lstrip`, `rstrip`) gives no tokens in any case, and
    /// `single_word` only makes fewer of them.
    pub(super) fn new<'a>(
        tokens: impl Iterator<Item = &'a AddedToken>,
        normalizer: &NormalizerWrapper,
        alphabet: &mut Alphabet,
    ) -> Option<Self> {
        let mut patterns = Vec::new();
        for token in tokens {
            let mut content = token.content.clone();
            let mut searched = Searched::Text;
            if token.normalized {
                let mut normalized = NormalizedString::from(token.content.as_str());
                normalizer.normalize(&mut normalized).ok()?;
                content = normalized.get().to_owned();
                searched = Searched::NormalizedText;
            }
            if [&content, &token.content].iter().any(|text| text.contains(char::is_whitespace)) {
                return None;
            }
            let bytes = content.into_bytes();
            if !alphabet.open(*bytes.first()?) {
                return None;
            }
            patterns.push(Pattern { bytes, searched });
        }
        Some(Self { patterns })
    }

    /// Whether an added token may begin where `text` does.
    pub(super) fn may_begin(&self, text: &[u8], alphabet: &Alphabet) -> bool {
        self.patterns.iter().any(|pattern| match pattern.searched {
            Searched::Text => text.starts_with(&pattern.bytes),
            Searched::NormalizedText => normalizes_to(text, &pattern.bytes, alphabet),
        })
    }
}

/// Whether the normalized `text` may begin with `pattern`. What becomes of an odd byte is not known here.
fn normalizes_to(text: &[u8], pattern: &[u8], alphabet: &Alphabet) -> bool {
    for (at, expected) in pattern.iter().enumerate() {
        match text.get(at) {
            None => return false,
            Some(&byte) if alphabet.class(byte) == Class::Odd => return true,
            Some(&byte) if alphabet.normal[usize::from(byte)] != *expected => return false,
            Some(_) => {}
        }
    }
    true
}
