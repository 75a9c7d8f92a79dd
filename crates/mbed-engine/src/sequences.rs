//! What is computed for a window: sequences of tokens, and the rows that are pooled out of each.

use std::borrow::Cow;
use std::ops::Range;

use mbed_core::{BackendError, Batch, Token};
use mbed_text::{Encoded, EncodedParts, Pieces};

/// The sequences of a window.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    pub(crate) list: Vec<Sequence>,
    /// The rows of each, in the order of what it pools. `None` where each has the one of its own number.
    rows: Option<Vec<Vec<usize>>>,
    /// Longer texts that were read in several windows of tokens.
    pub(crate) split_documents: u64,
}

/// Tokens that are read at once, and what is pooled out of them.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) tokens: Vec<Token>,
    pub(crate) pooled: Pooled,
    pub(crate) pieces: Pieces,
}

/// What is pooled out of a sequence.
#[derive(Debug)]
pub(crate) enum Pooled {
    /// One row, as almost always.
    One(Range<usize>),
    /// Several rows.
    Several(Vec<Range<usize>>),
}

impl Sequences {
    /// One for each row.
    pub(crate) fn of_rows(encoded: Vec<Encoded>) -> Self {
        Self { list: encoded.into_iter().map(Sequence::from).collect(), ..Self::default() }
    }

    /// Those of longer texts: for each the number of its first row, and its windows.
    pub(crate) fn of_documents(documents: Vec<(usize, Vec<EncodedParts>)>) -> Self {
        let mut sequences = Self::default();
        let mut rows = Vec::new();
        for (first, windows) in documents {
            sequences.split_documents += u64::from(windows.len() > 1);
            for EncodedParts { tokens, parts } in windows {
                let (numbers, pooled) =
                    parts.into_iter().map(|(part, tokens)| (first + part, tokens)).unzip();
                rows.push(numbers);
                let pooled = Pooled::Several(pooled);
                sequences.list.push(Sequence { tokens, pooled, pieces: Pieces::Whole });
            }
        }
        Self { rows: Some(rows), ..sequences }
    }

    /// The rows of these sequences, in the order of what they pool.
    pub(crate) fn rows<'a>(&self, sequences: &'a [usize]) -> Cow<'a, [usize]> {
        match &self.rows {
            None => Cow::Borrowed(sequences),
            Some(rows) => {
                let rows = sequences.iter().filter_map(|&sequence| rows.get(sequence));
                Cow::Owned(rows.flatten().copied().collect())
            }
        }
    }

    /// The first row of a sequence.
    pub(crate) fn first_row(&self, sequence: usize) -> usize {
        self.rows(&[sequence]).first().copied().unwrap_or(sequence)
    }

    /// How many tokens each has.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.list.iter().map(|sequence| sequence.tokens.len()).collect()
    }
}

impl From<Encoded> for Sequence {
    fn from(Encoded { tokens, pooled, pieces }: Encoded) -> Self {
        Self { tokens, pooled: Pooled::One(pooled), pieces }
    }
}

impl Pooled {
    fn ranges(&self) -> &[Range<usize>] {
        match self {
            Self::One(range) => std::slice::from_ref(range),
            Self::Several(ranges) => ranges,
        }
    }
}

/// The batch of these sequences.
pub(crate) fn fill(list: &[Sequence], sequences: &[usize]) -> Result<Batch, BackendError> {
    let mut batch = Batch::new();
    for Sequence { tokens, pooled, .. } in sequences.iter().filter_map(|&sequence| list.get(sequence)) {
        let sequence = batch.push_unpooled(tokens);
        for range in pooled.ranges() {
            // The range was made from these very tokens, so it lies inside them.
            debug_assert!(range.end <= tokens.len());
            if batch.push_span(sequence, range.clone()).is_err() {
                let tokens = tokens.len();
                return Err(BackendError::SequenceTooLong { sequence, tokens, limit: tokens });
            }
        }
    }
    Ok(batch)
}
