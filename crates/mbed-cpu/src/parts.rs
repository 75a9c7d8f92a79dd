//! How a batch is shared out among threads.

use std::ops::Range;

use mbed_core::Batch;

/// Tokens of one part, unless a single sequence has more. Weights, which no second-level cache holds, are then read
/// once for so many tokens, and threads stay busy to the end of a batch. 512 and 2,048 were 2 to 5 % slower for
/// all-MiniLM-L6-v2.
const TOKENS_PER_PART: usize = 1024;

/// Neighbouring sequences of a batch that one thread takes through all layers.
#[derive(Debug)]
pub(crate) struct PartOfBatch {
    /// Their numbers in the batch.
    pub(crate) sequences: Range<usize>,
    /// Their lengths.
    pub(crate) lengths: Vec<usize>,
    /// The sum of their lengths.
    pub(crate) tokens: usize,
    /// The output rows that pool them: row, sequence within the part, tokens within the sequence.
    pub(crate) rows: Vec<(usize, usize, Range<usize>)>,
}

/// Cuts a batch into parts of whole sequences, at least one for each thread where there are enough sequences.
pub(crate) fn split(batch: &Batch, threads: usize) -> Vec<PartOfBatch> {
    let target = batch.tokens().div_ceil(threads.max(1)).clamp(1, TOKENS_PER_PART);
    let mut parts: Vec<PartOfBatch> = Vec::new();
    for index in 0..batch.sequences() {
        let length = batch.range(index).map_or(0, |range| range.len());
        match parts.last_mut() {
            Some(part) if part.tokens + length <= target => {
                part.sequences.end = index + 1;
                part.lengths.push(length);
                part.tokens += length;
            }
            _ => parts.push(PartOfBatch {
                sequences: index..index + 1,
                lengths: vec![length],
                tokens: length,
                rows: Vec::new(),
            }),
        }
    }
    for (row, span) in batch.spans().iter().enumerate() {
        let home = parts.partition_point(|part| part.sequences.end <= span.sequence());
        if let Some(part) = parts.get_mut(home) {
            let sequence = span.sequence() - part.sequences.start;
            part.rows.push((row, sequence, span.tokens().clone()));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use mbed_core::Token;

    use super::*;

    #[test]
    fn every_sequence_and_every_row_has_one_part() {
        let mut batch = Batch::new();
        for length in [300, 300, 0, 5, 900, 1, 511] {
            batch.push_unpooled(&vec![Token { id: 0, type_id: 0 }; length]);
        }
        for sequence in [6, 0, 4, 4, 2] {
            batch.push_span(sequence, 0..0).unwrap();
        }
        let parts = split(&batch, 2);
        let sequences: Vec<usize> = parts.iter().flat_map(|part| part.sequences.clone()).collect();
        assert_eq!(sequences, (0..7).collect::<Vec<_>>());
        let mut rows: Vec<(usize, usize)> = Vec::new();
        for part in &parts {
            assert_eq!(part.lengths.iter().sum::<usize>(), part.tokens);
            assert!(part.tokens <= TOKENS_PER_PART || part.lengths.len() == 1);
            rows.extend(part.rows.iter().map(|(row, local, _)| (*row, part.sequences.start + local)));
        }
        rows.sort_unstable();
        assert_eq!(rows, [(0, 6), (1, 0), (2, 4), (3, 4), (4, 2)]);
        assert!(split(&Batch::new(), 2).is_empty());
    }
}
