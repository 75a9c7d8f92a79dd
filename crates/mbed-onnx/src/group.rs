//! Cutting a batch into groups of nearly equal length.

use mbed_core::Batch;

/// The most places of a group: a bound on hidden states. At 4096, a hidden size of 1024 and four times that between the
/// two products of a layer, the widest tensor takes 64 MiB.
const MOST_PLACES: usize = 1 << 12;

/// The most attention scores of a group for one head: a bound on scores. At 16 heads they take 64 MiB.
const MOST_SCORES: usize = 1 << 20;

/// A sequence joins a group if it fills all places but one in so many.
const PADDING: usize = 8;

/// A group with so many places gains nothing by more of them, and takes only sequences that fill theirs. 2000 sentences
/// and 250 passages then have 0.4 % and 1.1 % of places too many, where all that nearly fit would make it 5 %.
const ENOUGH_PLACES: usize = 512;

/// Which shapes groups have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shapes {
    /// The length of the longest sequence, and as many sequences as there are.
    Exact,
    /// Both rounded up, so that the same shapes come up again; no length above this one.
    Buckets(usize),
}

impl Shapes {
    fn length(self, length: usize) -> usize {
        match self {
            Self::Exact => length,
            Self::Buckets(longest) => bucket(length).min(longest.max(length)),
        }
    }

    fn sequences(self, count: usize) -> usize {
        match self {
            Self::Exact => count,
            Self::Buckets(_) => bucket(count),
        }
    }
}

/// The next of eight steps between one power of two and the next: at most one place in [`PADDING`] is added, and lengths up
/// to 512 fall into 56 buckets.
fn bucket(size: usize) -> usize {
    let step = (1 << size.max(1).ilog2()) / PADDING;
    size.next_multiple_of(step.max(1))
}

/// The most sequences of a group that are so long.
pub(crate) const fn most_sequences(length: usize) -> usize {
    let (places, scores) = (MOST_PLACES / length, MOST_SCORES / length.saturating_mul(length));
    let most = if places < scores { places } else { scores };
    if most == 0 { 1 } else { most }
}

/// Sequences that are computed together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// The length that all are filled up to.
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
pub(crate) fn groups(batch: &Batch, shapes: Shapes) -> Vec<Group> {
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
            Some(group) if group.takes(length, shapes) => group.sequences.push(sequence),
            _ => groups.push(Group { length: shapes.length(length), sequences: vec![sequence] }),
        }
    }
    groups
}

impl Group {
    fn takes(&self, length: usize, shapes: Shapes) -> bool {
        let is_small = self.sequences.len() * self.length < ENOUGH_PLACES;
        let fits = is_small && (self.length - length) * PADDING <= self.length;
        (fits || shapes.length(length) == self.length) && self.sequences.len() < most_sequences(self.length)
    }

    /// How many sequences are computed, and their length. Those that the group does not have are empty.
    pub(crate) fn shape(&self, shapes: Shapes) -> [usize; 2] {
        let count = self.sequences.len();
        [shapes.sequences(count).min(most_sequences(self.length)).max(count), self.length]
    }
}

impl Places {
    /// Takes the sequences of a group instead of what it held; a shorter one is filled up at its end, and so are all
    /// together up to `shape`.
    pub(crate) fn fill(&mut self, group: &Group, shape: [usize; 2], batch: &Batch) {
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
        let places = shape.iter().product();
        [ids, mask, type_ids, positions].into_iter().for_each(|values| values.resize(places, 0));
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
            let got = groups(&batch(lengths), Shapes::Exact);
            let got: Vec<(usize, &[usize])> =
                got.iter().map(|group| (group.length, &group.sequences[..])).collect();
            assert_eq!(got, expected, "{lengths:?}");
        };
        check(&[], &[]);
        check(&[0, 3, 0], &[(3, &[1])]);
        check(&[16, 13, 14, 16, 2], &[(16, &[0, 3, 2]), (13, &[1]), (2, &[4])]);
        check(&[4096, 4096], &[(4096, &[0]), (4096, &[1])]);
        // Enough places: only what fills them joins.
        check(&[256, 250, 256, 249], &[(256, &[0, 2]), (250, &[1, 3])]);
        let many = [512; 9];
        check(&many, &[(512, &[0, 1, 2, 3]), (512, &[4, 5, 6, 7]), (512, &[8])]);
    }

    #[test]
    fn what_no_row_pools_is_left_out() {
        let mut batch = batch(&[4]);
        batch.push_unpooled(&[Token { id: 1, type_id: 0 }; 4]);
        batch.push_span(1, 2..2).unwrap();
        assert_eq!(groups(&batch, Shapes::Exact), [Group { length: 4, sequences: vec![0] }]);
    }

    #[test]
    fn shorter_sequences_are_filled_up() {
        let group = Group { length: 3, sequences: vec![1, 0] };
        let mut places = Places { ids: vec![9; 8], ..Places::default() };
        places.fill(&group, [3, 3], &batch(&[2, 3]));
        assert_eq!(places.ids, [7, 7, 7, 7, 7, 0, 0, 0, 0]);
        assert_eq!(places.mask, [1, 1, 1, 1, 1, 0, 0, 0, 0]);
        assert_eq!(places.type_ids, [1, 1, 1, 1, 1, 0, 0, 0, 0]);
        assert_eq!(places.positions, [0, 1, 2, 0, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn buckets_round_up_by_an_eighth_at_most() {
        for size in 1..5000 {
            let rounded = bucket(size);
            assert!(rounded >= size && (rounded - size) * PADDING < size, "{size}: {rounded}");
            assert_eq!(bucket(rounded), rounded);
        }
        let buckets: std::collections::BTreeSet<usize> = (1..=512).map(bucket).collect();
        assert_eq!(buckets.len(), 56);
    }

    #[test]
    fn shapes_come_up_again() {
        let check = |lengths: &[usize], shapes, expected: &[[usize; 2]]| {
            let got: Vec<_> =
                groups(&batch(lengths), shapes).iter().map(|group| group.shape(shapes)).collect();
            assert_eq!(got, expected, "{lengths:?}");
        };
        check(&[33; 17], Shapes::Exact, &[[17, 33]]);
        check(&[33; 17], Shapes::Buckets(512), &[[18, 36]]);
        check(&[33; 17], Shapes::Buckets(34), &[[18, 34]]);
        // No more than a group may have.
        check(&[500; 5], Shapes::Buckets(512), &[[4, 512], [1, 512]]);
    }
}
