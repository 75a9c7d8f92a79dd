//! Where the tokens of a text begin.

use mbed_core::{TextCase, TextSpec};
use tokenizers::Tokenizer;

use crate::TextError;
use crate::cut::Cutter;
use crate::encoder::lower_case_first;

/// Bytes that are tokenised at once, where that is known to change nothing. The library holds some hundred bytes for each
/// byte of a text.
const BLOCK: usize = 1 << 16;

/// A tokenizer that tells where tokens begin, without special ones and without a limit.
#[derive(Debug)]
pub struct TokenStarts {
    tokenizer: Tokenizer,
    block: usize,
}

impl TokenStarts {
    /// The tokenizer of a model.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn new(spec: &TextSpec) -> Result<Self, TextError> {
        let bad = |source| TextError::BadTokenizer { origin: spec.origin.clone(), source };
        let mut tokenizer = Tokenizer::from_bytes(&spec.tokenizer).map_err(bad)?;
        // Of such a tokenizer words do not see across white space: see there.
        let block = Cutter::new(&tokenizer).map_or(usize::MAX, |_| BLOCK);
        if spec.case == TextCase::Lower {
            lower_case_first(&mut tokenizer).map_err(bad)?;
        }
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(bad)?;
        Ok(Self { tokenizer, block })
    }

    /// The byte offsets at which tokens of `text` begin, in order, each once.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub fn of(&self, text: &str) -> Result<Vec<usize>, TextError> {
        let mut starts = Vec::new();
        let mut first = 0;
        while first < text.len() {
            let rest = text.get(first..).unwrap_or_default();
            let block = rest.get(..block_end(rest, self.block)).unwrap_or(rest);
            self.add(block, first, &mut starts)?;
            first += block.len();
        }
        // Tokens that share a character, as byte-level ones do, begin together.
        starts.sort_unstable();
        starts.dedup();
        starts.retain(|&start| text.is_char_boundary(start));
        Ok(starts)
    }

    fn add(&self, block: &str, first: usize, starts: &mut Vec<usize>) -> Result<(), TextError> {
        let failed = |source| TextError::Tokenize { bytes: block.len(), source };
        let encoding = self.tokenizer.encode(block, false).map_err(failed)?;
        starts.extend(encoding.get_offsets().iter().map(|&(start, _)| first + start));
        Ok(())
    }
}

/// The first white space behind `length` bytes, at least one, or the end.
fn block_end(text: &str, length: usize) -> usize {
    let length = length.max(1);
    let far = text.as_bytes().get(length..).unwrap_or_default();
    let space = far.iter().position(|byte| matches!(byte, b' ' | b'\n' | b'\t'));
    space.map_or(text.len(), |space| length + space)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn starts(block: usize) -> TokenStarts {
        let path = "../../tests/fixtures/models/bert-mean/tokenizer.json";
        let mut tokenizer = Tokenizer::from_bytes(std::fs::read(path).unwrap()).unwrap();
        assert!(Cutter::new(&tokenizer).is_some());
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).unwrap();
        TokenStarts { tokenizer, block }
    }

    proptest! {
        #[test]
        fn blocks_have_the_tokens_of_the_whole(
            text in "([a-z]{1,6}|bridge|\\[CLS\\]|é|e\u{301}|日本|[ \n\t.,]| \u{301}|\u{200d}|🙂){0,60}", block in 0_usize..40,
        ) {
            prop_assert_eq!(starts(block).of(&text).unwrap(), starts(usize::MAX).of(&text).unwrap());
        }
    }
}
