//! Cutting a batch into groups of nearly equal length.

use mbed_core::Batch;

/// The most places of a group: a bound on hidden states. At 4096, a hidden size of 1024 and four times that between the
/// two products of a layer, the widest tensor takes 64 MiB.
const MOST_PLACES: usize = 1 << 12;

/// The most attention scores of a group for one head: a bound on scores. At 16 heads they take 64 MiB.
const MOST_SCORES: usize = 1 << 20;

/// A sequence joins a group if it fills all places but one in so many.
const PADDING: usize = 8;

/// Sequences that are computed together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// The length of the longest.
    pub(crate) length: usize,
    /// Their numbers in the batch.
    pub(crate) sequences: Vec<usize>,
}

/// What a graph takes, each `sequences × length`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) ids: Vec<i64>,
    pub(crate) mask: Vec<i64>,
    pub(crate) type_ids: Vec<i64>,
    pub(crate) positions: Vec<i64>,
}

/// Groups of the sequences that some row of `batch` pools tokens of, the longest first.
///
/// A group stays within [`MOST_PLACES`] and [`MOST_SCORES`], except for a single sequence that is longer.
pub(crate) fn groups(batch: &Batch) -> Vec<Group> {
    let mut wanted = vec![false; batch.sequences()];
    for span in batch.spans().iter().filter(|span| !span.tokens().is_empty()) {
        if let Some(wanted) = wanted.get_mut(span.sequence()) {
            *wanted = true;
        }
    }
    let length_of = |sequence| batch.range(sequence).map_or(0, |range| range.len());
    let mut sequences: Vec<(usize, usize)> = wanted
        .into_iter()
        .enumerate()
        .filter(|&(_, wanted)| wanted)
        .map(|(sequence, _)| (length_of(sequence), sequence))
        .collect();
    sequences.sort_by_key(|&(length, sequence)| (std::cmp::Reverse(length), sequence));
    let mut groups: Vec<Group> = Vec::new();
    for (length, sequence) in sequences {
        match groups.last_mut() {
            Some(group) if group.takes(length) => group.sequences.push(sequence),
            _ => groups.push(Group { length, sequences: vec![sequence] }),
        }
    }
    groups
}

impl Group {
    fn takes(&self, length: usize) -> bool {
        let next = self.sequences.len() + 1;
        let scores = self.length.saturating_mul(self.length);
        (self.length - length) * PADDING <= self.length
            && next * self.length <= MOST_PLACES
            && next.saturating_mul(scores) <= MOST_SCORES
    }
}

impl Places {
    /// Takes the sequences of a group instead of what it held; a shorter one is filled up at its end.
    pub(crate) fn fill(&mut self, group: &Group, batch: &Batch) {
        let Self { ids, mask, type_ids, positions } = self;
        [&mut *ids, mask, type_ids, positions].into_iter().for_each(Vec::clear);
        for sequence in group.sequences.iter().filter_map(|&sequence| batch.sequence(sequence)) {
            let missing = group.length.saturating_sub(sequence.ids.len());
            let filled = |values: &mut Vec<i64>| values.extend(std::iter::repeat_n(0, missing));
            ids.extend(sequence.ids.iter().copied().map(i64::from));
            filled(ids);
            type_ids.extend(sequence.type_ids.iter().copied().map(i64::from));
            filled(type_ids);
            mask.extend(sequence.ids.iter().map(|_| 1));
            filled(mask);
            positions.extend((0..).take(sequence.ids.len()));
            filled(positions);
        }
    }
}

#[cfg(test)]
mod tests {
    use mbed_core::Token;

    use super::*;

    fn batch(lengths: &[usize]) -> Batch {
        let mut batch = Batch::new();
        for &length in lengths {
            batch.push(&vec![Token { id: 7, type_id: 1 }; length]);
        }
        batch
    }

    #[test]
    fn nearly_equal_lengths_go_together() {
        let check = |lengths: &[usize], expected: &[(usize, &[usize])]| {
            let got = groups(&batch(lengths));
            let got: Vec<(usize, &[usize])> =
                got.iter().map(|group| (group.length, &group.sequences[..])).collect();
            assert_eq!(got, expected, "{lengths:?}");
        };
        check(&[], &[]);
        check(&[0, 3, 0], &[(3, &[1])]);
        check(&[16, 13, 14, 16, 2], &[(16, &[0, 3, 2]), (13, &[1]), (2, &[4])]);
        check(&[4096, 4096], &[(4096, &[0]), (4096, &[1])]);
        let many = [512; 9];
        check(&many, &[(512, &[0, 1, 2, 3]), (512, &[4, 5, 6, 7]), (512, &[8])]);
    }

    #[test]
    fn what_no_row_pools_is_left_out() {
        let mut batch = batch(&[4]);
        batch.push_unpooled(&[Token { id: 1, type_id: 0 }; 4]);
        batch.push_span(1, 2..2).unwrap();
        assert_eq!(groups(&batch), [Group { length: 4, sequences: vec![0] }]);
    }

    #[test]
    fn shorter_sequences_are_filled_up() {
        let group = Group { length: 3, sequences: vec![1, 0] };
        let mut places = Places { ids: vec![9; 8], ..Places::default() };
        places.fill(&group, &batch(&[2, 3]));
        assert_eq!(places.ids, [7, 7, 7, 7, 7, 0]);
        assert_eq!(places.mask, [1, 1, 1, 1, 1, 0]);
        assert_eq!(places.type_ids, [1, 1, 1, 1, 1, 0]);
        assert_eq!(places.positions, [0, 1, 2, 0, 1, 0]);
    }
}
