//! A batch for attention, and what must come out.

use mbed_core::spec::Reach;

/// What is added to scores.
#[derive(Clone, Debug)]
pub(super) enum Table {
    None,
    Slopes(Vec<f32>),
    Distances(Vec<f32>),
}

/// Sequences with queries, keys and values.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) lengths: Vec<usize>,
    pub(super) heads: usize,
    pub(super) key_value_heads: usize,
    pub(super) head_size: usize,
    pub(super) scale: f32,
    pub(super) reach: Reach,
    pub(super) table: Table,
    pub(super) qkv: Vec<f32>,
}

impl Problem {
    /// A batch with numbers that look random and are the same each time.
    pub(super) fn new(
        lengths: &[usize],
        [heads, key_value_heads, head_size]: [usize; 3],
        reach: Reach,
    ) -> Self {
        let row = (heads + 2 * key_value_heads) * head_size;
        let tokens: usize = lengths.iter().sum();
        let scale = 1.0 / (head_size as f32).sqrt();
        let qkv = (0..tokens * row).map(noise).collect();
        let lengths = lengths.to_vec();
        Self { lengths, heads, key_value_heads, head_size, scale, reach, table: Table::None, qkv }
    }

    pub(super) fn with_slopes(mut self) -> Self {
        self.table = Table::Slopes((0..self.heads).map(|head| 0.5 / (head + 1) as f32).collect());
        self
    }

    pub(super) fn with_distances(mut self) -> Self {
        let count = self.heads * (2 * self.longest() - 1);
        self.table = Table::Distances((0..count).map(noise).collect());
        self
    }

    pub(super) fn longest(&self) -> usize {
        self.lengths.iter().copied().max().unwrap_or_default()
    }

    /// Length of a token's row.
    pub(super) fn row(&self) -> usize {
        (self.heads + 2 * self.key_value_heads) * self.head_size
    }

    pub(super) fn offsets(&self) -> Vec<usize> {
        let sums = self.lengths.iter().scan(0, |sum, length| {
            *sum += length;
            Some(*sum)
        });
        std::iter::once(0).chain(sums).collect()
    }

    /// What the kernels' `bias` adds, with the same arithmetic on places.
    pub(super) fn bias(&self, head: usize, query: i32, key: i32) -> f32 {
        match &self.table {
            Table::None => 0.0,
            Table::Slopes(slopes) => -slopes[head] * (query - key).abs() as f32,
            Table::Distances(values) => {
                let longest = i64::try_from(self.longest()).unwrap();
                let middle = i64::try_from(head).unwrap() * (2 * longest - 1) + longest - 1;
                values[usize::try_from(middle + i64::from(key) - i64::from(query)).unwrap()]
            }
        }
    }

    /// The contexts, by the definition and in binary64.
    pub(super) fn expected(&self) -> Vec<f32> {
        let width = self.heads * self.head_size;
        let offsets = self.offsets();
        let mut context = vec![0.0; offsets.last().unwrap() * width];
        for (&start, &length) in offsets.iter().zip(&self.lengths) {
            for head in 0..self.heads {
                for query in 0..length {
                    let place = (start + query) * width + head * self.head_size;
                    let result = self.attend(head, start, (query, length));
                    context[place..place + self.head_size].copy_from_slice(&result);
                }
            }
        }
        context
    }

    fn attend(&self, head: usize, start: usize, (query, length): (usize, usize)) -> Vec<f32> {
        let group = head / (self.heads / self.key_value_heads);
        let part = |token: usize, slot: usize| {
            let place = (start + token) * self.row() + slot * self.head_size;
            &self.qkv[place..place + self.head_size]
        };
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        let keys = self.reach.tokens(query, length);
        let scores: Vec<f64> = keys
            .clone()
            .map(|key| {
                let distance = self.expected_bias(head, query, key);
                dot(part(query, head), part(key, self.heads + group)) * f64::from(self.scale) + distance
            })
            .collect();
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = scores.iter().map(|score| (score - top).exp()).collect();
        let total: f64 = shares.iter().sum();
        let mut result = vec![0.0_f64; self.head_size];
        for (key, share) in keys.zip(&shares) {
            let values = part(key, self.heads + self.key_value_heads + group);
            for (sum, &value) in result.iter_mut().zip(values) {
                *sum += share / total * f64::from(value);
            }
        }
        result.iter().map(|&value| value as f32).collect()
    }

    fn expected_bias(&self, head: usize, query: usize, key: usize) -> f64 {
        let distance = key as f64 - query as f64;
        match &self.table {
            Table::None => 0.0,
            Table::Slopes(slopes) => -f64::from(slopes[head]) * distance.abs(),
            Table::Distances(values) => {
                let longest = self.longest();
                f64::from(values[head * (2 * longest - 1) + longest + key - query - 1])
            }
        }
    }
}

/// A number between -1 and 1 that follows from its place.
fn noise(place: usize) -> f32 {
    let mixed = (place as u32).wrapping_mul(0x9e37_79b9).rotate_left(13).wrapping_mul(0x85eb_ca6b);
    (mixed >> 8) as f32 / 8_388_608.0 - 1.0
}
