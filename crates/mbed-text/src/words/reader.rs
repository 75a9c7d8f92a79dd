//! Reading a text word by word.

use mbed_core::Token;
use tokenizers::Tokenizer;
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;

use super::added::Added;
use super::alphabet::{Alphabet, Class};
use super::trie::Trie;

/// The most bytes that are handed to the library at once. Each call costs a few microseconds whatever the length;
/// a piece without white space that is longer makes its text one for the library alone, which cuts it first.
const ODD_BYTES: usize = 4096;

/// The words of one tokenizer. See the module for which ones there can be.
#[derive(Debug)]
pub(crate) struct Words {
    alphabet: Alphabet,
    added: Added,
    /// How words begin.
    first: Trie,
    /// How they go on.
    next: Trie,
    unknown: u32,
    longest_word: usize,
    /// The tokens of punctuation characters.
    marks: [u32; 128],
}

/// Tokens in the making.
#[derive(Debug)]
pub(crate) struct Found {
    /// What was there before and what was found.
    pub(crate) tokens: Vec<Token>,
    /// The segment of tokens that are found.
    pub(crate) type_id: u32,
    /// No more tokens than one over this many are of use.
    pub(crate) most: usize,
}

/// How far a text was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// All tokens were found, or one over as many as are of use.
    Done,
    /// The library has to read all of the text.
    NotUnderstood,
}

impl Found {
    fn push(&mut self, id: u32) {
        self.tokens.push(Token { id, type_id: self.type_id });
    }

    fn is_full(&self) -> bool {
        self.tokens.len() > self.most
    }
}

impl Words {
    /// The words of `tokenizer`, or `None` where it is not of the kind that is understood.
    pub(crate) fn new(tokenizer: &Tokenizer) -> Option<Self> {
        let ModelWrapper::WordPiece(model) = tokenizer.get_model() else { return None };
        let wrapped = tokenizer.get_normalizer()?;
        let NormalizerWrapper::BertNormalizer(normalizer) = wrapped else { return None };
        let Some(PreTokenizerWrapper::BertPreTokenizer(_)) = tokenizer.get_pre_tokenizer() else {
            return None;
        };
        if tokenizer.get_padding().is_some() {
            return None;
        }
        let mut alphabet = Alphabet::new(normalizer);
        let added = Added::new(tokenizer.get_added_tokens_decoder().values(), wrapped, &mut alphabet)?;
        let vocabulary = tokenizer.get_vocab(false);
        // The tries take this for no entry.
        if vocabulary.values().any(|&id| id == u32::MAX) {
            return None;
        }
        let entries = || vocabulary.iter().map(|(entry, &id)| (entry.as_str(), id));
        let prefix = model.continuing_subword_prefix.as_str();
        let continuing = entries().filter_map(|(entry, id)| Some((entry.strip_prefix(prefix)?, id)));
        let mut words = Self {
            alphabet,
            added,
            first: Trie::new(entries()),
            next: Trie::new(continuing),
            unknown: *vocabulary.get(&model.unk_token)?,
            longest_word: model.max_input_chars_per_word,
            marks: [0; 128],
        };
        words.marks = std::array::from_fn(|byte| words.mark(byte as u8));
        Some(words)
    }

    fn mark(&self, byte: u8) -> u32 {
        let entry = self.first.longest(&[byte], &self.alphabet.normal).filter(|_| self.longest_word > 0);
        entry.map_or(self.unknown, |(_, id)| id)
    }

    /// Puts the tokens of `text` behind those of `found`, without special tokens. `library` gives the ids of a part
    /// of the text.
    ///
    /// # Errors
    /// Those of `library`.
    pub(crate) fn read<E>(
        &self,
        text: &str,
        found: &mut Found,
        library: impl Fn(&str) -> Result<tokenizers::Encoding, E>,
    ) -> Result<Reading, E> {
        let mut rest = text;
        while let Some(start) = self.read_plain(rest.as_bytes(), found) {
            let odd =
                rest.get(start..).and_then(|odd| odd.split_at_checked(self.odd_length(odd.as_bytes())?));
            let Some((odd, behind)) = odd else { return Ok(Reading::NotUnderstood) };
            library(odd)?.get_ids().iter().for_each(|&id| found.push(id));
            rest = behind;
        }
        Ok(Reading::Done)
    }

    /// Finds the words of `text` up to its end, or up to an odd piece, and then tells where that piece begins.
    fn read_plain(&self, text: &[u8], found: &mut Found) -> Option<usize> {
        // Where the piece begins that is being read, and how many tokens there were then.
        let (mut piece, mut before) = (0, found.tokens.len());
        let mut at = 0;
        while let Some(rest) = text.get(at..)
            && let Some(&byte) = rest.first()
            && !found.is_full()
        {
            let understood = match self.alphabet.class(byte) {
                Class::Space => {
                    at += 1;
                    (piece, before) = (at, found.tokens.len());
                    continue;
                }
                Class::Letter => self.read_word(rest, found),
                Class::Opening if self.added.may_begin(rest, &self.alphabet) => None,
                Class::Mark | Class::Opening => self.marks.get(usize::from(byte)).map(|&id| {
                    found.push(id);
                    1
                }),
                Class::Odd => None,
            };
            let Some(length) = understood else {
                found.tokens.truncate(before);
                return Some(piece);
            };
            at += length;
        }
        None
    }

    /// Finds the tokens of the word that `text` begins with and tells its length, `None` where an odd byte may
    /// belong to it.
    fn read_word(&self, text: &[u8], found: &mut Found) -> Option<usize> {
        let end = text.iter().position(|&byte| self.alphabet.class(byte) != Class::Letter);
        let (word, behind) = text.split_at_checked(end.unwrap_or(text.len()))?;
        if behind.first().is_some_and(|&byte| self.alphabet.class(byte) == Class::Odd) {
            return None;
        }
        let before = found.tokens.len();
        if word.len() > self.longest_word || self.spell(word, found).is_none() {
            found.tokens.truncate(before);
            found.push(self.unknown);
        }
        Some(word.len())
    }

    fn spell(&self, word: &[u8], found: &mut Found) -> Option<()> {
        let mut rest = word;
        let mut trie = &self.first;
        while !rest.is_empty() {
            let (length, id) = trie.longest(rest, &self.alphabet.normal)?;
            found.push(id);
            rest = rest.get(length..)?;
            trie = &self.next;
        }
        Some(())
    }

    /// How long the odd piece is that `text` begins with, together with odd pieces that follow it.
    fn odd_length(&self, text: &[u8]) -> Option<usize> {
        let is_space = |byte: &u8| self.alphabet.class(*byte) == Class::Space;
        let mut end = 0;
        loop {
            let rest = text.get(end..)?;
            let start = end + rest.iter().take_while(|byte| is_space(byte)).count();
            let piece = text.get(start..)?.iter().take(ODD_BYTES + 1).take_while(|byte| !is_space(byte));
            let odd = end == 0 || piece.clone().any(|&byte| self.alphabet.class(byte) == Class::Odd);
            let next = start + piece.count();
            if !odd || next > ODD_BYTES {
                return (end > 0).then_some(end);
            }
            end = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokenizers::normalizers::{BertNormalizer, Lowercase, Sequence};
    use tokenizers::pre_tokenizers::whitespace::Whitespace;
    use tokenizers::{AddedToken, PaddingParams};

    use super::*;

    fn tokenizer() -> Tokenizer {
        let path = "../../tests/fixtures/models/bert-mean/tokenizer.json";
        Tokenizer::from_bytes(std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn only_odd_pieces_are_handed_on() {
        let tokenizer = tokenizer();
        let words = Words::new(&tokenizer).unwrap();
        let check = |text: &str, reading: Reading, expected: &[&str]| {
            let handed = RefCell::new(Vec::new());
            let mut found = Found { tokens: Vec::new(), type_id: 0, most: 100_000 };
            let library = |odd: &str| {
                handed.borrow_mut().push(odd.to_owned());
                tokenizer.encode_fast(odd, false)
            };
            assert_eq!(words.read(text, &mut found, library).unwrap(), reading, "{text:?}");
            assert_eq!(*handed.borrow(), expected, "{text:?}");
        };
        check("", Reading::Done, &[]);
        check("A fair bridge [sic], 'tis so.\n", Reading::Done, &[]);
        check("one (naïve) day", Reading::Done, &["(naïve)"]);
        check("o éa  éb\téc d ée", Reading::Done, &["éa  éb\téc", "ée"]);
        check("so [MASK]. no [MASKS]", Reading::Done, &["[MASK]."]);
        check("a\u{b}b c", Reading::Done, &["a\u{b}b"]);
        let long = "é".repeat(ODD_BYTES);
        check(&format!("a {long}"), Reading::NotUnderstood, &[]);
        let many = "é ".repeat(ODD_BYTES / 3);
        check(&format!("a {many}b"), Reading::Done, &[many.trim_end()]);
    }

    #[test]
    fn other_tokenizers_are_left_to_the_library() {
        let check = |change: &dyn Fn(&mut Tokenizer), understood: bool| {
            let mut tokenizer = tokenizer();
            change(&mut tokenizer);
            assert_eq!(Words::new(&tokenizer).is_some(), understood);
        };
        let check_added = |token: AddedToken, understood: bool| {
            check(&|tokenizer| assert_eq!(tokenizer.add_tokens([token.clone()]).unwrap(), 1), understood);
        };
        check(&|_| {}, true);
        check_added(AddedToken::from("<new>", false), true);
        check_added(AddedToken::from("<new>", true).lstrip(true).single_word(true), true);
        check_added(AddedToken::from("new", false), false);
        check_added(AddedToken::from("[new one]", true), false);
        check_added(AddedToken::from("ét", false), false);
        check_added(AddedToken::from("ét", true), true);
        check(
            &|tokenizer| {
                tokenizer.with_normalizer(None::<NormalizerWrapper>).unwrap();
            },
            false,
        );
        check(
            &|tokenizer| {
                tokenizer.with_padding(Some(PaddingParams::default()));
            },
            false,
        );
        check(
            &|tokenizer| {
                tokenizer.with_pre_tokenizer(Some(Whitespace));
            },
            false,
        );
        check(
            &|tokenizer| {
                let both = vec![Lowercase.into(), BertNormalizer::default().into()];
                tokenizer.with_normalizer(Some(Sequence::new(both))).unwrap();
            },
            false,
        );
    }
}
