//! Parts of a text that are read within all of it.

use std::cmp::Reverse;
use std::ops::Range;

use mbed_core::Token;
use tokenizers::{Encoding, Tokenizer};

use crate::{TextEncoder, TextError};

/// How much of a window is there for what stands before the first part that is pooled out of it, where a text does not
/// fit into one: a quarter.
const CONTEXT: usize = 4;

/// A text, or a window of one that is too long, as tokens, and the parts that are pooled out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedParts {
    /// The tokens, special ones and the prompt included.
    pub tokens: Vec<Token>,
    /// The number of each part, and its tokens.
    pub parts: Vec<(usize, Range<usize>)>,
}

/// The tokens of a whole text without special ones.
struct Content {
    encoding: Encoding,
    /// How many belong to the prompt.
    prompt: usize,
    /// The byte of the text at which each other one begins, in order.
    starts: Vec<usize>,
}

/// Tokens that are read at once, counted without those of the prompt, and the parts that are pooled out of them.
struct Read {
    tokens: Range<usize>,
    parts: Vec<(usize, Range<usize>)>,
}

impl TextEncoder {
    /// Turns a text into tokens for which the vectors of its `parts`, ranges of bytes, are pooled: each part is read with
    /// all that stands around it, and pools the tokens that begin in it and no others. A part without a token pools
    /// all that is read with it.
    ///
    /// A text that is longer than the maximum length is read in windows: each begins up to a quarter of its length before
    /// the first part that no earlier one holds, and every part is pooled out of one window that holds all of it.
    ///
    /// # Errors
    /// A part alone is longer than the maximum length ([`TextError::PartTooLong`]), or the tokenizer fails.
    pub fn encode_parts(&self, text: &str, parts: &[Range<usize>]) -> Result<Vec<EncodedParts>, TextError> {
        let content = self.all_tokens(text)?;
        let room = self.room().saturating_sub(content.prompt);
        let reads = windows(&content.starts, parts, room)?;
        reads.into_iter().map(|read| self.assemble(&content, read, text)).collect()
    }

    fn all_tokens(&self, text: &str) -> Result<Content, TextError> {
        let prepared = self.prepare(text);
        let failed = |source| TextError::Tokenize { bytes: text.len(), source };
        let encoding = self.whole_tokenizer().encode(&*prepared, false).map_err(failed)?;
        let own = self.prompt().len();
        let prompt = encoding.get_offsets().iter().take_while(|(start, _)| *start < own).count();
        let mut latest = 0;
        let offsets = encoding.get_offsets().iter().skip(prompt);
        let starts = offsets.map(|(start, _)| {
            latest = latest.max(start.saturating_sub(own));
            latest
        });
        let starts = starts.collect();
        Ok(Content { encoding, prompt, starts })
    }

    fn assemble(&self, content: &Content, read: Read, text: &str) -> Result<EncodedParts, TextError> {
        let own = content.prompt + read.tokens.start..content.prompt + read.tokens.end;
        let ids = content.encoding.get_ids();
        let picked = [ids.get(..content.prompt), ids.get(own)].map(Option::unwrap_or_default).concat();
        let framed = self.with_special_tokens(bare(&picked), text)?;
        let before = framed.get_special_tokens_mask().iter().take_while(|&&mask| mask == 1).count();
        let tokens = framed.get_ids().iter().zip(framed.get_type_ids());
        let mut tokens: Vec<Token> = tokens.map(|(&id, &type_id)| Token { id, type_id }).collect();
        tokens.extend(self.end());
        let shift = |position: usize| before + content.prompt + position - read.tokens.start;
        let all = self.pooled(tokens.len());
        let parts = read.parts.into_iter().map(|(number, part)| {
            let pooled = if part.is_empty() { all.clone() } else { shift(part.start)..shift(part.end) };
            (number, pooled)
        });
        let parts = parts.collect();
        Ok(EncodedParts { tokens, parts })
    }
}

/// A tokenizer without a limit.
pub(crate) fn without_limit(tokenizer: &Tokenizer) -> Tokenizer {
    let mut whole = tokenizer.clone();
    // Only a limit can be refused, not that there is none.
    let _ = whole.with_truncation(None);
    whole
}

/// What is read at once: of `starts`, the bytes at which tokens begin, at most `room`.
fn windows(starts: &[usize], parts: &[Range<usize>], room: usize) -> Result<Vec<Read>, TextError> {
    let place = |byte: usize| starts.partition_point(|&start| start < byte);
    let mut parts: Vec<(usize, Range<usize>)> =
        parts.iter().map(|part| place(part.start)..place(part.end)).enumerate().collect();
    // A part that holds others comes before them.
    parts.sort_by_key(|(_, part)| (part.start, Reverse(part.end)));
    let mut reads: Vec<Read> = Vec::new();
    for (number, part) in parts {
        if part.len() > room {
            return Err(TextError::PartTooLong { tokens: part.len(), most: room });
        }
        let fits = |read: &&mut Read| read.tokens.start <= part.start && part.end <= read.tokens.end;
        if let Some(read) = reads.last_mut().filter(fits) {
            read.parts.push((number, part));
            continue;
        }
        let context = (room / CONTEXT).min(room - part.len());
        // The last window has room for more before it.
        let start = part.start.saturating_sub(context).min(starts.len().saturating_sub(room));
        let tokens = start..starts.len().min(start + room);
        reads.push(Read { tokens, parts: vec![(number, part)] });
    }
    Ok(reads)
}

/// Tokens of which nothing else is known.
fn bare(ids: &[u32]) -> Encoding {
    let token = |&id: &u32| tokenizers::Token::new(id, String::new(), (0, 0));
    Encoding::from_tokens(ids.iter().map(token).collect(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(tokens: usize, parts: &[Range<usize>], room: usize) -> Vec<(Range<usize>, Vec<usize>)> {
        let starts: Vec<usize> = (0..tokens).collect();
        let reads = windows(&starts, parts, room).unwrap().into_iter();
        reads.map(|read| (read.tokens, read.parts.into_iter().map(|(number, _)| number).collect())).collect()
    }

    #[test]
    fn windows_hold_whole_parts_with_a_quarter_of_context() {
        let check = |tokens, parts: &[Range<usize>], room, expected: &[(Range<usize>, &[usize])]| {
            let got = reads(tokens, parts, room);
            let expected: Vec<_> =
                expected.iter().map(|(range, parts)| (range.clone(), parts.to_vec())).collect();
            assert_eq!(got, expected);
        };
        check(8, &[0..4, 4..8], 8, &[(0..8, &[0, 1])]);
        check(12, &[0..4, 4..8, 8..12], 8, &[(0..8, &[0, 1]), (4..12, &[2])]);
        check(40, &[0..6, 6..12, 12..40], 28, &[(0..28, &[0, 1]), (12..40, &[2])]);
        check(
            30,
            &[0..6, 6..12, 12..18, 18..24, 24..30],
            12,
            &[(0..12, &[0, 1]), (9..21, &[2]), (15..27, &[3]), (18..30, &[4])],
        );
        // Parents before their children, wherever the list has them.
        check(12, &[0..6, 6..12, 0..3, 3..6, 6..9, 9..12], 8, &[(0..8, &[0, 2, 3]), (4..12, &[1, 4, 5])]);
        check(0, std::slice::from_ref(&(0..0)), 8, &[(0..0, &[0])]);
    }

    #[test]
    fn a_part_that_does_not_fit_is_refused() {
        let starts: Vec<usize> = (0..20).collect();
        let error = windows(&starts, &[0..4, 4..20], 8).err().unwrap();
        assert!(matches!(error, TextError::PartTooLong { tokens: 16, most: 8 }));
    }
}
