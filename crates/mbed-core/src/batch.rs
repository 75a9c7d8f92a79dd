//! What a session is given to embed.

use std::ops::Range;

/// One token as the tokenizer made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// Its number in the vocabulary.
    pub id: u32,
    /// Its segment, 0 for single texts.
    pub type_id: u32,
}

/// A packed batch: the tokens of all sequences one behind the other, where each begins, and what is pooled.
///
/// It is never padded and cannot be ragged. Each [`Span`] makes one output row; by default each sequence has one
/// that covers all of it. A shorter span leaves a prompt out of pooling; several spans on one sequence pool
/// several rows out of it.
#[derive(Clone, Debug)]
pub struct Batch {
    ids: Vec<u32>,
    type_ids: Vec<u32>,
    /// One more entry than sequences: sequence `i` lies at `offsets[i]..offsets[i + 1]`.
    offsets: Vec<usize>,
    spans: Vec<Span>,
    longest: usize,
}

/// The part of one sequence that is pooled into one output row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    sequence: usize,
    tokens: Range<usize>,
}

impl Span {
    /// The number of its sequence in the batch.
    #[must_use]
    pub const fn sequence(&self) -> usize {
        self.sequence
    }

    /// The pooled tokens, counted from the start of the sequence. An empty range pools to zeros.
    #[must_use]
    pub const fn tokens(&self) -> &Range<usize> {
        &self.tokens
    }
}

/// A span that does not lie in the batch it was meant for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "span `{tokens:?}` of sequence {sequence} lies outside the batch: {sequences} sequences, {length} tokens in this one"
)]
pub struct SpanError {
    /// The sequence that was asked for.
    pub sequence: usize,
    /// The range that was asked for.
    pub tokens: Range<usize>,
    /// How many sequences the batch has.
    pub sequences: usize,
    /// How many tokens that sequence has, 0 where it does not exist.
    pub length: usize,
}

/// One sequence of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceRef<'a> {
    /// Vocabulary numbers.
    pub ids: &'a [u32],
    /// Segments, as long as `ids`.
    pub type_ids: &'a [u32],
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// No sequences.
    #[must_use]
    pub fn new() -> Self {
        Self { ids: Vec::new(), type_ids: Vec::new(), offsets: vec![0], spans: Vec::new(), longest: 0 }
    }

    /// Forgets all sequences and keeps the memory.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.type_ids.clear();
        self.offsets.truncate(1);
        self.spans.clear();
        self.longest = 0;
    }

    /// Adds a sequence that is pooled over the whole of it, and gives its number.
    pub fn push(&mut self, tokens: &[Token]) -> usize {
        let sequence = self.push_unpooled(tokens);
        self.spans.push(Span { sequence, tokens: 0..tokens.len() });
        sequence
    }

    /// Adds a sequence without an output row, and gives its number; [`Batch::push_span`] adds its rows.
    pub fn push_unpooled(&mut self, tokens: &[Token]) -> usize {
        self.ids.extend(tokens.iter().map(|token| token.id));
        self.type_ids.extend(tokens.iter().map(|token| token.type_id));
        self.offsets.push(self.ids.len());
        self.longest = self.longest.max(tokens.len());
        self.sequences() - 1
    }

    /// Adds an output row: the pooled `tokens`, counted from the start of `sequence`.
    ///
    /// # Errors
    /// The sequence does not exist, or the range leaves it.
    pub fn push_span(&mut self, sequence: usize, tokens: Range<usize>) -> Result<(), SpanError> {
        let length = self.sequence(sequence).map_or(0, |found| found.ids.len());
        if sequence >= self.sequences() || tokens.start > tokens.end || tokens.end > length {
            return Err(SpanError { sequence, tokens, sequences: self.sequences(), length });
        }
        self.spans.push(Span { sequence, tokens });
        Ok(())
    }

    /// How many sequences there are.
    #[must_use]
    pub fn sequences(&self) -> usize {
        self.offsets.len() - 1
    }

    /// How many output rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.spans.len()
    }

    /// How many tokens there are in all.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// The length of the longest sequence.
    #[must_use]
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// Whether there are no sequences.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sequences() == 0
    }

    /// Vocabulary numbers of all sequences, one behind the other.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Segments of all tokens, as long as [`Batch::ids`].
    #[must_use]
    pub fn type_ids(&self) -> &[u32] {
        &self.type_ids
    }

    /// Where sequences begin: sequence `i` lies at `offsets[i]..offsets[i + 1]`. Never empty; starts with 0.
    #[must_use]
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// What each output row pools, in row order.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The place of sequence `index` in [`Batch::ids`], or `None` past the end.
    #[must_use]
    pub fn range(&self, index: usize) -> Option<Range<usize>> {
        let start = *self.offsets.get(index)?;
        let end = *self.offsets.get(index + 1)?;
        Some(start..end)
    }

    /// Sequence `index`, or `None` past the end.
    #[must_use]
    pub fn sequence(&self, index: usize) -> Option<SequenceRef<'_>> {
        let range = self.range(index)?;
        Some(SequenceRef { ids: self.ids.get(range.clone())?, type_ids: self.type_ids.get(range)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(ids: &[u32]) -> Vec<Token> {
        ids.iter().map(|&id| Token { id, type_id: 0 }).collect()
    }

    #[test]
    fn sequences_are_packed_and_pooled_whole_by_default() {
        let mut batch = Batch::new();
        batch.push(&tokens(&[1, 2, 3]));
        batch.push(&tokens(&[]));
        batch.push(&tokens(&[4]));
        assert_eq!((batch.sequences(), batch.rows(), batch.tokens(), batch.longest()), (3, 3, 4, 3));
        assert_eq!(batch.sequence(2).map(|found| found.ids), Some(&[4][..]));
        assert_eq!(batch.spans()[0].tokens(), &(0..3));
        batch.clear();
        assert!(batch.is_empty() && batch.rows() == 0 && batch.offsets() == [0]);
    }

    #[test]
    fn spans_stay_inside_their_sequence() {
        let mut batch = Batch::new();
        let sequence = batch.push_unpooled(&tokens(&[1, 2, 3]));
        let mut check = |sequence, range, good: bool| {
            assert_eq!(batch.push_span(sequence, range).is_ok(), good);
        };
        check(sequence, 1..3, true);
        check(sequence, 3..3, true);
        check(sequence, 0..4, false);
        check(sequence + 1, 0..0, false);
        #[expect(clippy::reversed_empty_ranges, reason = "the point of the case")]
        check(sequence, 2..1, false);
        assert_eq!(batch.rows(), 2);
    }
}
