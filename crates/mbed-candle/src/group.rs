//! Cutting a batch into groups of equally long sequences.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor};
use mbed_core::Batch;

/// The most tokens of a group: a bound on hidden states. At 4096, a hidden size of 1024 and four times that
/// between the two products of a layer, the widest tensor takes 64 MiB.
const MOST_TOKENS: usize = 1 << 12;

/// The most attention scores of a group for one head: a bound on scores. At 16 heads they take 64 MiB.
const MOST_SCORES: usize = 1 << 20;

/// Sequences that have the same length.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Their length.
    pub length: usize,
    /// Their numbers in the batch.
    pub sequences: Vec<usize>,
}

/// Groups of the sequences that some row of `batch` pools tokens of, the shortest first.
///
/// A group stays within [`MOST_TOKENS`] and [`MOST_SCORES`], except for a single sequence that is longer.
pub(crate) fn equal_length_groups(batch: &Batch) -> Vec<Group> {
    let mut wanted = vec![false; batch.sequences()];
    for span in batch.spans().iter().filter(|span| !span.tokens().is_empty()) {
        if let Some(wanted) = wanted.get_mut(span.sequence()) {
            *wanted = true;
        }
    }
    let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (sequence, _) in wanted.into_iter().enumerate().filter(|&(_, wanted)| wanted) {
        let length = batch.range(sequence).map_or(0, |range| range.len());
        by_length.entry(length).or_default().push(sequence);
    }
    let groups = by_length.iter().flat_map(|(&length, sequences)| {
        let groups = sequences.chunks(most_sequences(length));
        groups.map(move |group| Group { length, sequences: group.to_vec() })
    });
    groups.collect()
}

fn most_sequences(length: usize) -> usize {
    let length = length.max(1);
    let scores = length.saturating_mul(length);
    (MOST_TOKENS / length).min(MOST_SCORES / scores).max(1)
}

impl Group {
    /// Vocabulary numbers and segments of its tokens, each `sequences × length`.
    pub(crate) fn tokens(&self, batch: &Batch) -> Result<(Tensor, Tensor)> {
        let (mut ids, mut type_ids) = (Vec::new(), Vec::new());
        for sequence in self.sequences.iter().filter_map(|&sequence| batch.sequence(sequence)) {
            ids.extend_from_slice(sequence.ids);
            type_ids.extend_from_slice(sequence.type_ids);
        }
        let shape = (self.sequences.len(), self.length);
        Ok((Tensor::from_vec(ids, shape, &Device::Cpu)?, Tensor::from_vec(type_ids, shape, &Device::Cpu)?))
    }
}

#[cfg(test)]
mod tests {
    use mbed_core::Token;

    use super::*;

    fn batch(lengths: &[usize]) -> Batch {
        let mut batch = Batch::new();
        for &length in lengths {
            batch.push(&vec![Token { id: 1, type_id: 0 }; length]);
        }
        batch
    }

    #[test]
    fn equally_long_sequences_meet_and_empty_ones_are_left_out() {
        let groups = equal_length_groups(&batch(&[3, 0, 2, 3]));
        let expected = [Group { length: 2, sequences: vec![2] }, Group { length: 3, sequences: vec![0, 3] }];
        assert_eq!(groups, expected);
    }

    #[test]
    fn a_sequence_that_nothing_is_pooled_from_is_left_out() {
        let mut batch = batch(&[2]);
        let unpooled = batch.push_unpooled(&[Token { id: 1, type_id: 0 }; 2]);
        batch.push_span(unpooled, 1..1).unwrap();
        assert_eq!(equal_length_groups(&batch), [Group { length: 2, sequences: vec![0] }]);
    }

    #[test]
    fn groups_are_bounded() {
        let check = |length, sequences, expected: &[usize]| {
            let groups = equal_length_groups(&batch(&vec![length; sequences]));
            let sizes: Vec<_> = groups.iter().map(|group| group.sequences.len()).collect();
            assert_eq!(sizes, expected, "{sequences} sequences of {length} tokens");
        };
        check(32, 300, &[128, 128, 44]);
        check(512, 9, &[4, 4, 1]);
        check(2048, 2, &[1, 1]);
        check(5000, 2, &[1, 1]);
    }
}
