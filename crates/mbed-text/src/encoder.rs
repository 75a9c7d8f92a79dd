//! A tokenizer with the rules of its model around it.

use std::borrow::Cow;
use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::OnceLock;

use mbed_core::settings::PromptChoice;
use mbed_core::{PromptPooling, SpecialTokens, TextCase, TextSpec, Token};
use tokenizers::normalizers::{Lowercase, NormalizerWrapper, Sequence};
use tokenizers::{
    Encoding, PostProcessor, PostProcessorWrapper, Tokenizer, TruncationDirection, TruncationParams,
    TruncationStrategy,
};

use crate::TextError;
use crate::cut::{Cutter, Excerpt};
use crate::frame::Frame;
use crate::parts::without_limit;
use crate::words::{Found, Reading, Words};

/// Bytes of a text for each token that memory is first reserved for. English has four or five.
const BYTES_PER_TOKEN: usize = 4;

/// Choices that change how texts become tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextOptions {
    /// What is put before each text.
    pub prompt: PromptChoice,
    /// Another maximum length than the model's own, special tokens included.
    pub max_length: Option<NonZeroUsize>,
}

/// A text as tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The tokens, special ones included.
    pub tokens: Vec<Token>,
    /// Which of them are pooled.
    pub pooled: Range<usize>,
    /// Whether there were more than the maximum length allows.
    pub pieces: Pieces,
}

/// Whether all of a text became tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// All of it.
    Whole,
    /// The first tokens only, as many as the maximum length allows.
    Truncated,
}

/// A tokenizer with the rules of its model around it. Can be shared between threads.
#[derive(Debug)]
pub struct TextEncoder {
    tokenizer: Tokenizer,
    cutter: Option<Cutter>,
    /// Finds tokens without the tokenizer where it can.
    words: Option<Words>,
    /// What the tokenizer puts around the content, where that is understood.
    frame: Option<Frame>,
    prompt: String,
    /// Tokens at the front that are read and not pooled.
    unpooled: usize,
    max_tokens: usize,
    /// How many stand around the content, `end` included.
    special_tokens: usize,
    /// A token that the model wants last and the tokenizer does not put there.
    end: Option<Token>,
    /// The tokenizer without a limit, made when it is first needed.
    whole: OnceLock<Tokenizer>,
}

impl TextEncoder {
    /// Builds the tokenizer of a model.
    ///
    /// # Errors
    /// The tokenizer cannot be read or does not fit the model, the model has no prompt of the asked name, or the
    /// maximum length is not possible.
    pub fn new(spec: &TextSpec, options: &TextOptions) -> Result<Self, TextError> {
        let bad = |source: Box<dyn Error + Send + Sync>| TextError::BadTokenizer {
            origin: spec.origin.clone(),
            source,
        };
        let mut tokenizer = Tokenizer::from_bytes(&spec.tokenizer).map_err(bad)?;
        check_vocabulary(&tokenizer, spec)?;
        if spec.case == TextCase::Lower {
            lower_case_first(&mut tokenizer).map_err(bad)?;
        }
        if spec.special_tokens == SpecialTokens::LeftOut {
            tokenizer.with_post_processor(None::<PostProcessorWrapper>);
        }
        let end = match &spec.special_tokens {
            SpecialTokens::AddedWithEnd(token) => ending(&tokenizer, token).map_err(bad)?,
            _ => None,
        };
        let own = tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
        let special_tokens = own + usize::from(end.is_some());
        let max_tokens = options.max_length.map_or(spec.max_tokens, NonZeroUsize::get);
        if max_tokens <= special_tokens || max_tokens > spec.positions.max(spec.max_tokens) {
            return Err(TextError::LengthOutOfRange {
                asked: max_tokens,
                least: special_tokens + 1,
                most: spec.positions,
            });
        }
        // What the file says of padding and truncation belongs to its last training run.
        tokenizer.with_padding(None);
        // One more than is kept, so that a text that is just too long shows; see `content`.
        let truncation = TruncationParams {
            direction: TruncationDirection::Right,
            max_length: max_tokens + 1,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
        };
        tokenizer.with_truncation(Some(truncation)).map_err(bad)?;
        let cutter = Cutter::new(&tokenizer);
        let frame = Frame::new(tokenizer.get_post_processor());
        let words = frame.as_ref().and_then(|_| Words::new(&tokenizer));
        let mut encoder = Self {
            tokenizer,
            cutter,
            words,
            frame,
            prompt: choose_prompt(spec, &options.prompt)?,
            unpooled: 0,
            max_tokens,
            special_tokens,
            end,
            whole: OnceLock::new(),
        };
        if spec.prompt_pooling == PromptPooling::Excluded {
            encoder.unpooled = encoder.prompt_tokens()?;
        }
        Ok(encoder)
    }

    /// The most tokens of one sequence, special tokens and prompt included.
    #[must_use]
    pub const fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// How many tokens of a text fit beside special tokens and the prompt, at least 1.
    ///
    /// # Errors
    /// The tokenizer fails on the prompt.
    pub fn content_tokens(&self) -> Result<NonZeroUsize, TextError> {
        let taken = self.special_tokens + self.prompt_tokens()?;
        Ok(NonZeroUsize::new(self.max_tokens.saturating_sub(taken)).unwrap_or(NonZeroUsize::MIN))
    }

    /// The prompt that is put before each text, empty for none.
    #[must_use]
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Turns a text into tokens: prompt before it, tokenised, cut at the maximum length.
    ///
    /// A text far longer than the maximum is cut before it is tokenised, where it can be proven that the kept
    /// tokens stay the same.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub fn encode(&self, text: &str) -> Result<Encoded, TextError> {
        let prepared = self.prepare(text);
        let (mut tokens, pieces) = match self.read_words(&prepared)? {
            Some(found) => found,
            None => self.tokenize(&prepared)?,
        };
        tokens.extend(self.end);
        let pooled = self.pooled(tokens.len());
        Ok(Encoded { tokens, pooled, pieces })
    }

    /// As [`TextEncoder::encode`], and for each token the bytes of `text` it stands for: an empty range for
    /// special tokens and for tokens of the prompt.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub fn encode_with_offsets(&self, text: &str) -> Result<(Encoded, Vec<Range<usize>>), TextError> {
        let encoded = self.encode(text)?;
        let prepared = self.prepare(text);
        let failed = |source| TextError::Tokenize { bytes: text.len(), source };
        let encoding = self.tokenizer.encode(&*prepared, false).map_err(failed)?;
        let (content, _) = self.keep_content(encoding);
        let encoding = self.with_special_tokens(content, text)?;
        let to_text = |offset: usize| offset.saturating_sub(self.prompt.len()).min(text.len());
        let own = encoding.get_offsets().iter().map(|&(start, end)| to_text(start)..to_text(end));
        let offsets = own.chain(self.end.map(|_| text.len()..text.len())).collect();
        Ok((encoded, offsets))
    }

    /// How many tokens fit beside special ones.
    pub(crate) const fn room(&self) -> usize {
        self.max_tokens - self.special_tokens
    }

    pub(crate) const fn end(&self) -> Option<Token> {
        self.end
    }

    /// Which of so many tokens are pooled.
    pub(crate) fn pooled(&self, tokens: usize) -> Range<usize> {
        self.unpooled.min(tokens)..tokens
    }

    pub(crate) fn whole_tokenizer(&self) -> &Tokenizer {
        self.whole.get_or_init(|| without_limit(&self.tokenizer))
    }

    pub(crate) fn prepare<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.prompt.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(format!("{}{text}", self.prompt))
    }

    /// The tokens that fit, those of `frame` included, found word by word; `None` where the tokenizer has to.
    fn read_words(&self, text: &str) -> Result<Option<(Vec<Token>, Pieces)>, TextError> {
        let (Some(words), Some(frame)) = (&self.words, &self.frame) else { return Ok(None) };
        let room = self.room();
        let around = frame.before.len() + frame.after.len() + usize::from(self.end.is_some());
        let expected = (text.len() / BYTES_PER_TOKEN).min(room) + around + 1;
        let mut tokens = Vec::with_capacity(expected);
        tokens.extend_from_slice(&frame.before);
        let most = frame.before.len() + room;
        let mut found = Found { tokens, type_id: frame.type_id, most };
        if words.read(text, &mut found, |odd| self.tokenize_part(odd))? == Reading::NotUnderstood {
            return Ok(None);
        }
        let mut tokens = found.tokens;
        let pieces = if tokens.len() > most { Pieces::Truncated } else { Pieces::Whole };
        tokens.truncate(most);
        tokens.extend_from_slice(&frame.after);
        Ok(Some((tokens, pieces)))
    }

    /// The tokens that fit, special ones included, by the tokenizer alone.
    fn tokenize(&self, text: &str) -> Result<(Vec<Token>, Pieces), TextError> {
        let (content, pieces) = self.first_tokens(text)?;
        if let Some(frame) = &self.frame {
            return Ok((frame.around(&content), pieces));
        }
        let encoding = self.with_special_tokens(content, text)?;
        let ids = encoding.get_ids().iter();
        let tokens = ids.zip(encoding.get_type_ids()).map(|(&id, &type_id)| Token { id, type_id });
        Ok((tokens.collect(), pieces))
    }

    /// The first tokens without special ones, as many as fit beside those.
    fn first_tokens(&self, text: &str) -> Result<(Encoding, Pieces), TextError> {
        let Some(cutter) = &self.cutter else { return self.content(text) };
        let mut budget = cutter.first_budget(self.max_tokens);
        loop {
            match cutter.excerpt(text, budget) {
                Excerpt::Everything(short) => return self.content(&short),
                Excerpt::Beginning(short) => {
                    let (encoding, pieces) = self.content(&short)?;
                    if pieces == Pieces::Truncated {
                        return Ok((encoding, pieces));
                    }
                }
            }
            budget = budget.saturating_mul(8);
        }
    }

    fn content(&self, text: &str) -> Result<(Encoding, Pieces), TextError> {
        Ok(self.keep_content(self.tokenize_part(text)?))
    }

    /// The tokens of `text` without special ones, as many as fit and one more at most.
    fn tokenize_part(&self, text: &str) -> Result<Encoding, TextError> {
        let encoding = self.tokenizer.encode_fast(text, false);
        encoding.map_err(|source| TextError::Tokenize { bytes: text.len(), source })
    }

    /// The tokenizer stops once it has one token more than could be kept, so a longer text shows by its length.
    fn keep_content(&self, mut encoding: Encoding) -> (Encoding, Pieces) {
        let room = self.room();
        if encoding.get_ids().len() <= room {
            return (encoding, Pieces::Whole);
        }
        encoding.truncate(room, 0, TruncationDirection::Right);
        (encoding, Pieces::Truncated)
    }

    pub(crate) fn with_special_tokens(&self, content: Encoding, text: &str) -> Result<Encoding, TextError> {
        let encoding = self.tokenizer.post_process(content, None, true);
        encoding.map_err(|source| TextError::Tokenize { bytes: text.len(), source })
    }

    /// The tokens of the prompt alone, without the special token that ends a sequence: what sentence-transformers
    /// leaves out of pooling.
    fn prompt_tokens(&self) -> Result<usize, TextError> {
        if self.prompt.is_empty() {
            return Ok(0);
        }
        let (content, _) = self.content(&self.prompt)?;
        let encoding = self.with_special_tokens(content, &self.prompt)?;
        // Where `end` comes last, it is that token.
        let ends_special = self.end.is_none() && encoding.get_special_tokens_mask().last() == Some(&1);
        Ok(encoding.get_ids().len() - usize::from(ends_special))
    }
}

fn check_vocabulary(tokenizer: &Tokenizer, spec: &TextSpec) -> Result<(), TextError> {
    let largest = tokenizer.get_vocab(true).into_values().max().unwrap_or(0);
    if (largest as usize) < spec.vocabulary {
        return Ok(());
    }
    Err(TextError::VocabularyTooLarge { origin: spec.origin.clone(), id: largest, rows: spec.vocabulary })
}

/// The token to put behind every sequence, unless the tokenizer ends them with it by itself.
fn ending(tokenizer: &Tokenizer, token: &str) -> Result<Option<Token>, Box<dyn Error + Send + Sync>> {
    let id = tokenizer.token_to_id(token).ok_or_else(|| format!("it has no token `{token}` to end with"))?;
    let ends_already = tokenizer.encode("", true)?.get_ids().last() == Some(&id);
    Ok((!ends_already).then_some(Token { id, type_id: 0 }))
}

/// Puts lower-casing before the tokenizer's own normalizer, unless that lower-cases already.
pub(crate) fn lower_case_first(tokenizer: &mut Tokenizer) -> Result<(), Box<dyn Error + Send + Sync>> {
    let own = tokenizer.get_normalizer().cloned();
    if own.as_ref().is_some_and(lower_cases) {
        return Ok(());
    }
    let mut all = vec![NormalizerWrapper::Lowercase(Lowercase)];
    all.extend(own);
    tokenizer.with_normalizer(Some(NormalizerWrapper::Sequence(Sequence::new(all))))?;
    Ok(())
}

fn lower_cases(normalizer: &NormalizerWrapper) -> bool {
    match normalizer {
        NormalizerWrapper::BertNormalizer(bert) => bert.lowercase,
        NormalizerWrapper::Lowercase(_) => true,
        NormalizerWrapper::Sequence(sequence) => sequence.as_ref().iter().any(lower_cases),
        _ => false,
    }
}

fn choose_prompt(spec: &TextSpec, choice: &PromptChoice) -> Result<String, TextError> {
    let name = match choice {
        PromptChoice::Text(text) => return Ok(text.clone()),
        PromptChoice::Named(name) => name,
        PromptChoice::ModelDefault => match &spec.prompts.default {
            Some(name) => name,
            None => return Ok(String::new()),
        },
    };
    let text = spec.prompts.get(name).map(str::to_owned);
    text.ok_or_else(|| TextError::UnknownPrompt {
        name: name.clone(),
        known: spec.prompts.named.iter().map(|(name, _)| name.clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mbed_core::Prompts;

    use super::*;

    fn spec(max_tokens: usize) -> TextSpec {
        let path = "../../tests/fixtures/models/bert-mean/tokenizer.json";
        TextSpec {
            tokenizer: Arc::from(std::fs::read(path).unwrap()),
            origin: path.to_owned(),
            max_tokens,
            positions: 512,
            vocabulary: 1200,
            case: TextCase::Keep,
            prompts: Prompts { named: vec![("query".to_owned(), "find this: ".to_owned())], default: None },
            prompt_pooling: PromptPooling::Included,
            special_tokens: SpecialTokens::Added,
        }
    }

    fn encoder(spec: &TextSpec) -> TextEncoder {
        TextEncoder::new(spec, &TextOptions::default()).unwrap()
    }

    #[test]
    fn truncation_keeps_the_special_tokens_and_is_told_exactly() {
        let check = |text: &str, tokens: usize, pieces: Pieces| {
            let encoded = encoder(&spec(8)).encode(text).unwrap();
            assert_eq!((encoded.tokens.len(), encoded.pieces), (tokens, pieces), "{text:?}");
            assert_eq!((encoded.tokens[0].id, encoded.tokens[tokens - 1].id), (2, 3), "[CLS] and [SEP]");
        };
        check("", 2, Pieces::Whole);
        check(". . . . . .", 8, Pieces::Whole);
        check(". . . . . . .", 8, Pieces::Truncated);
        check(&". ".repeat(100_000), 8, Pieces::Truncated);
        check(&"x".repeat(10_000_000), 3, Pieces::Whole);
    }

    #[test]
    fn an_end_is_put_where_there_is_none() {
        let mut spec = spec(8);
        spec.special_tokens = SpecialTokens::AddedWithEnd("[SEP]".to_owned());
        let ids = |spec: &TextSpec, text: &str| -> Vec<u32> {
            encoder(spec).encode(text).unwrap().tokens.iter().map(|token| token.id).collect()
        };
        assert_eq!(ids(&spec, ""), [2, 3], "there already");
        spec.special_tokens = SpecialTokens::AddedWithEnd("[MASK]".to_owned());
        assert_eq!(ids(&spec, ""), [2, 3, 4]);
        assert_eq!(ids(&spec, &". ".repeat(100)).len(), 8);
        spec.special_tokens = SpecialTokens::LeftOut;
        assert!(ids(&spec, "").is_empty() && ids(&spec, ".").len() == 1);
        spec.special_tokens = SpecialTokens::AddedWithEnd("<nowhere>".to_owned());
        let refused = TextEncoder::new(&spec, &TextOptions::default());
        assert!(matches!(refused, Err(TextError::BadTokenizer { .. })));
    }

    #[test]
    fn an_unpooled_prompt_shortens_the_span() {
        let mut spec = spec(32);
        spec.prompt_pooling = PromptPooling::Excluded;
        let options =
            TextOptions { prompt: PromptChoice::Named("query".to_owned()), ..TextOptions::default() };
        let encoder = TextEncoder::new(&spec, &options).unwrap();
        let with = encoder.encode("the bridge").unwrap();
        let alone = TextEncoder::new(&spec, &TextOptions::default()).unwrap();
        let prompt = alone.encode("find this: ").unwrap().tokens.len() - 1;
        assert_eq!(with.pooled, prompt..with.tokens.len());
        assert_eq!(alone.encode("the bridge").unwrap().pooled.start, 0);
    }

    #[test]
    fn offsets_name_the_bytes_of_the_text() {
        let spec = spec(32);
        let options =
            TextOptions { prompt: PromptChoice::Text("  so: ".to_owned()), ..TextOptions::default() };
        let encoder = TextEncoder::new(&spec, &options).unwrap();
        let text = "Naïve bridge. ";
        let (encoded, offsets) = encoder.encode_with_offsets(text).unwrap();
        assert_eq!(encoded.tokens.len(), offsets.len());
        let covered: String = offsets.iter().map(|range| &text[range.clone()]).collect();
        assert_eq!(covered, "Naïvebridge.");
        assert!(offsets[0].is_empty() && offsets[offsets.len() - 1].is_empty());
    }

    #[test]
    fn impossible_choices_are_refused() {
        let spec = spec(128);
        let length = |length| TextOptions { max_length: NonZeroUsize::new(length), ..TextOptions::default() };
        assert!(matches!(
            TextEncoder::new(&spec, &length(2)),
            Err(TextError::LengthOutOfRange { least: 3, .. })
        ));
        assert!(matches!(
            TextEncoder::new(&spec, &length(513)),
            Err(TextError::LengthOutOfRange { most: 512, .. })
        ));
        assert!(TextEncoder::new(&spec, &length(512)).is_ok());
        let prompt =
            TextOptions { prompt: PromptChoice::Named("quest".to_owned()), ..TextOptions::default() };
        assert!(matches!(TextEncoder::new(&spec, &prompt), Err(TextError::UnknownPrompt { .. })));
        let mut small = self::spec(128);
        small.vocabulary = 651;
        let error = TextEncoder::new(&small, &TextOptions::default()).unwrap_err();
        assert!(matches!(error, TextError::VocabularyTooLarge { id: 651, rows: 651, .. }));
        small.tokenizer = Arc::from(&b"{\"version\": \"1.0\""[..]);
        let error = TextEncoder::new(&small, &TextOptions::default()).unwrap_err();
        assert!(matches!(error, TextError::BadTokenizer { .. }));
    }
}
