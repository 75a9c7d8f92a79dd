//! Cutting absurdly long texts before they are tokenised, without changing the tokens that are kept.
//!
//! The cut is made for one kind of tokenizer, BERT's: a `BertNormalizer`, a `BertPreTokenizer`, a WordPiece model.
//! Others read their texts whole. Why it is exact:
//!
//! 1. *Words do not see across white space.* The normalizer changes characters one by one or with the combining
//!    marks that follow them, and white space is neither changed by a neighbour nor attached to one. The
//!    pre-tokenizer splits at white space, the model sees one word at a time. So the tokens of a text that ends
//!    before a white-space character are the first tokens of any text that goes on with it, provided that no added
//!    token (`[CLS]`) holds white space. The same goes for a CJK ideograph where the normalizer sets each of them
//!    between spaces.
//! 2. *A long word is one unknown token.* WordPiece gives `[UNK]` for a word of more than
//!    `max_input_chars_per_word` characters. ASCII letters and digits go through the normalizer one for one and
//!    never end a word, so a run of more of them than that makes its word unknown, and a shorter run that is still
//!    longer than the limit does the same, provided that no added token begins or ends within a run.

use std::borrow::Cow;

use tokenizers::Tokenizer;
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;

/// Bytes that a first excerpt has for each token that is kept. English has four or five.
const BYTES_PER_TOKEN: usize = 16;

/// Longest run of ASCII letters and digits that is kept as it is, at least.
const SHORTEST_LIMIT: usize = 1024;

/// How texts are cut for one tokenizer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cutter {
    /// A run of ASCII letters and digits is shortened to this many.
    run_limit: usize,
    /// Whether CJK ideographs end words like white space does.
    ideographs: Ideographs,
}

/// Whether the normalizer sets CJK ideographs between spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ideographs {
    Apart,
    LikeLetters,
}

/// What was taken of a text.
#[derive(Debug)]
pub(crate) enum Excerpt<'a> {
    /// All of it, long runs shortened: its tokens are the text's tokens.
    Everything(Cow<'a, str>),
    /// Its beginning up to some white space: its tokens are the text's first tokens.
    Beginning(Cow<'a, str>),
}

impl Cutter {
    /// A cutter for `tokenizer`, or `None` where the proof does not hold for it.
    pub(crate) fn new(tokenizer: &Tokenizer) -> Option<Self> {
        let ModelWrapper::WordPiece(model) = tokenizer.get_model() else { return None };
        let Some(NormalizerWrapper::BertNormalizer(normalizer)) = tokenizer.get_normalizer() else {
            return None;
        };
        let Some(PreTokenizerWrapper::BertPreTokenizer(_)) = tokenizer.get_pre_tokenizer() else {
            return None;
        };
        let run_limit = model.max_input_chars_per_word.checked_add(1)?.max(SHORTEST_LIMIT);
        let added = tokenizer.get_added_tokens_decoder();
        let harmless = |content: &str| {
            let edge_is_mark = |edge: Option<char>| edge.is_some_and(|edge| !edge.is_alphanumeric());
            edge_is_mark(content.chars().next())
                && edge_is_mark(content.chars().next_back())
                && !content.contains(|character: char| character.is_whitespace() || is_ideograph(character))
                && content.len() < run_limit
        };
        let ideographs =
            if normalizer.handle_chinese_chars { Ideographs::Apart } else { Ideographs::LikeLetters };
        added.values().all(|token| harmless(&token.content)).then_some(Self { run_limit, ideographs })
    }

    /// How many bytes to try first where `max_tokens` are kept.
    pub(crate) const fn first_budget(self, max_tokens: usize) -> usize {
        max_tokens.saturating_add(self.run_limit).saturating_mul(BYTES_PER_TOKEN)
    }

    /// Takes about `budget` bytes of `text`.
    pub(crate) fn excerpt(self, text: &str, budget: usize) -> Excerpt<'_> {
        if text.len() <= budget {
            return Excerpt::Everything(Cow::Borrowed(text));
        }
        let mut short = String::with_capacity(budget.saturating_add(4));
        let mut run = 0;
        // Where the last end of a word stands in `short`.
        let mut last_end = None;
        for character in text.chars() {
            run = if character.is_ascii_alphanumeric() { run + 1 } else { 0 };
            if run > self.run_limit {
                continue;
            }
            if let Some(end) = last_end.filter(|_| short.len() >= budget) {
                short.truncate(end);
                return Excerpt::Beginning(Cow::Owned(short));
            }
            if self.ends_words(character) {
                last_end = Some(short.len());
            }
            short.push(character);
        }
        Excerpt::Everything(Cow::Owned(short))
    }

    fn ends_words(self, character: char) -> bool {
        matches!(character, ' ' | '\n' | '\t')
            || (self.ideographs == Ideographs::Apart && is_ideograph(character))
    }
}

/// The main block of CJK unified ideographs, which BERT's normalizer treats as such.
const fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{4E00}'..='\u{9FFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokenizer() -> Tokenizer {
        let path = "../../tests/fixtures/models/bert-mean/tokenizer.json";
        let mut tokenizer = Tokenizer::from_bytes(std::fs::read(path).unwrap()).unwrap();
        tokenizer.with_padding(None);
        tokenizer
    }

    fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
        tokenizer.encode_fast(text, false).unwrap().get_ids().to_vec()
    }

    /// Pieces that make trouble: runs around the limit, added tokens whole and cut, marks, controls, ideographs.
    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z0-9]{1,12}",
            (1_usize..3000).prop_map(|length| "aB7".repeat(length / 3 + 1)),
            (990_usize..1060).prop_map(|length| "x".repeat(length)),
            Just("[CLS]".to_owned()),
            Just("[CL".to_owned()),
            Just("[MASK] [SEP]".to_owned()),
            Just("e\u{301}\u{323}\u{0}\u{200d}".to_owned()),
            Just(" \u{301}".to_owned()),
            "[日本語文中ıİßñ가각😀 \t\n.,!\\-]{1,8}",
            Just(" ".to_owned()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn an_excerpt_has_the_first_tokens_of_its_text(
            pieces in prop::collection::vec(piece(), 0..40),
            budget in 1_usize..9000,
        ) {
            let tokenizer = tokenizer();
            let cutter = Cutter::new(&tokenizer).unwrap();
            let text = pieces.concat();
            let whole = ids(&tokenizer, &text);
            match cutter.excerpt(&text, budget) {
                Excerpt::Everything(short) => prop_assert_eq!(ids(&tokenizer, &short), whole),
                Excerpt::Beginning(short) => {
                    let kept = ids(&tokenizer, &short);
                    prop_assert_eq!(&kept[..], &whole[..kept.len()]);
                }
            }
        }
    }

    #[test]
    fn tokenizers_outside_the_proof_are_left_alone() {
        let mut other = tokenizer();
        other.with_normalizer(None::<NormalizerWrapper>).unwrap();
        assert!(Cutter::new(&other).is_none());
        let mut other = tokenizer();
        let added = tokenizers::AddedToken::from("word", false);
        other.add_tokens([added]).unwrap();
        assert!(Cutter::new(&other).is_none(), "an added token that can stand within a run");
    }
}
