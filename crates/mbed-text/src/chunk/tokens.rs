//! Where the tokens of a text begin.

use mbed_core::{TextCase, TextSpec};
use tokenizers::Tokenizer;

use crate::TextError;
use crate::encoder::lower_case_first;

/// A tokenizer that tells where tokens begin, without special ones and without a limit.
#[derive(Debug)]
pub struct TokenStarts {
    tokenizer: Tokenizer,
}

impl TokenStarts {
    /// The tokenizer of a model.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn new(spec: &TextSpec) -> Result<Self, TextError> {
        let bad = |source| TextError::BadTokenizer { origin: spec.origin.clone(), source };
        let mut tokenizer = Tokenizer::from_bytes(&spec.tokenizer).map_err(bad)?;
        if spec.case == TextCase::Lower {
            lower_case_first(&mut tokenizer).map_err(bad)?;
        }
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(bad)?;
        Ok(Self { tokenizer })
    }

    /// The byte offsets at which tokens of `text` begin, in order, each once.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub fn of(&self, text: &str) -> Result<Vec<usize>, TextError> {
        let failed = |source| TextError::Tokenize { bytes: text.len(), source };
        let encoding = self.tokenizer.encode(text, false).map_err(failed)?;
        let mut starts: Vec<usize> = encoding.get_offsets().iter().map(|&(start, _)| start).collect();
        // Tokens that share a character, as byte-level ones do, begin together.
        starts.sort_unstable();
        starts.dedup();
        starts.retain(|&start| text.is_char_boundary(start));
        Ok(starts)
    }
}
