//! Attention of one sequence, head by head.

mod kernel;
mod room;
mod softmax;

use std::ops::Range;

pub use room::AttentionRoom;

use crate::Isa;
use crate::gemm::ShapeMismatch;

/// How queries, keys and values of a sequence lie in one buffer: a token's queries of all heads, then its keys,
/// then its values.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Number of heads.
    pub count: usize,
    /// Number of heads of keys and values, a divisor of `count`.
    pub key_values: usize,
    /// Length of a query, key or value of one head.
    pub size: usize,
}

impl Heads {
    /// Length of a token's queries.
    #[must_use]
    pub const fn query_width(self) -> usize {
        self.count * self.size
    }

    /// Operations of the two products for sequences of these lengths, two for a multiplication with its addition, where
    /// every token looks at all.
    #[must_use]
    pub fn operations(self, lengths: &[usize]) -> usize {
        4 * self.query_width() * lengths.iter().map(|length| length * length).sum::<usize>()
    }

    /// Length of a token's queries, keys and values.
    #[must_use]
    pub const fn row(self) -> usize {
        (self.count + 2 * self.key_values) * self.size
    }
}

/// How many tokens before and after itself a token looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// How many before it.
    pub before: usize,
    /// How many after it.
    pub after: usize,
}

impl Reach {
    pub(crate) fn keys(self, query: usize, length: usize) -> Range<usize> {
        query.saturating_sub(self.before)..query.saturating_add(self.after).saturating_add(1).min(length)
    }
}

/// What is added to scores by the distance of key and query.
#[derive(Clone, Copy, Debug)]
pub struct DistanceBias<'a> {
    /// For each head `2 · longest - 1` numbers, for distances from `1 - longest` to `longest - 1`.
    pub values: &'a [f32],
    /// No sequence is longer.
    pub longest: usize,
}

impl<'a> DistanceBias<'a> {
    /// The numbers for `keys` as `query` sees them.
    pub(crate) fn row(self, head: usize, query: usize, keys: &Range<usize>) -> Option<&'a [f32]> {
        let middle = (head * (2 * self.longest - 1) + self.longest).checked_sub(query + 1)?;
        (keys.end <= self.longest).then(|| self.values.get(middle + keys.start..middle + keys.end)).flatten()
    }
}

/// Attention of one sequence: `softmax(scale · q kᵀ + bias) v` over the tokens within reach.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// How queries, keys and values lie.
    pub heads: Heads,
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
    /// The tokens that a token looks at.
    pub reach: Reach,
    /// What is added to scores.
    pub bias: Option<DistanceBias<'a>>,
}

impl Attention<'_> {
    /// Computes the contexts of one sequence of `length` tokens.
    ///
    /// `qkv` is `length × row` and `context` is `length × query_width`, see [`Heads`]; what `room` held is lost.
    ///
    /// # Errors
    /// A slice has another length, or `room` has less than [`AttentionRoom::reserve`] makes for so many tokens.
    pub fn apply(
        &self,
        isa: Isa,
        (length, qkv): (usize, &[f32]),
        context: &mut [f32],
        room: &mut AttentionRoom,
    ) -> Result<(), ShapeMismatch> {
        let (row, width) = (self.heads.row(), self.heads.query_width());
        let fits = qkv.len() == length * row && context.len() == length * width;
        if !fits || !room.is_for(isa, self.heads, length) {
            return Err(ShapeMismatch {
                left: (qkv.len() / row.max(1), row),
                right: (row, width),
                output: (context.len() / width.max(1), width),
            });
        }
        isa.vectorize(kernel::Attend { attention: self, length, qkv, context, room });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    const ALL: Reach = Reach { before: usize::MAX, after: usize::MAX };

    fn truth(attention: &Attention<'_>, length: usize, qkv: &[f32]) -> Vec<f64> {
        let Heads { count, key_values, size } = attention.heads;
        let at = |token: usize, head: usize, i: usize| {
            f64::from(qkv[(token * (count + 2 * key_values) + head) * size + i])
        };
        let mut context = vec![0.0; length * count * size];
        for (head, token) in (0..count).flat_map(|head| (0..length).map(move |token| (head, token))) {
            let shared = head * key_values / count;
            let share = |other: usize| {
                let distance = other as isize - token as isize;
                let in_reach = token.saturating_sub(other) <= attention.reach.before
                    && other.saturating_sub(token) <= attention.reach.after;
                let dot: f64 = (0..size).map(|i| at(token, head, i) * at(other, count + shared, i)).sum();
                let bias = attention.bias.map_or(0.0, |bias| {
                    let column = (bias.longest as isize - 1 + distance) as usize;
                    f64::from(bias.values[head * (2 * bias.longest - 1) + column])
                });
                if in_reach { (dot * f64::from(attention.scale) + bias).exp() } else { 0.0 }
            };
            let shares: Vec<f64> = (0..length).map(share).collect();
            let sum: f64 = shares.iter().sum();
            for i in 0..size {
                let mixed =
                    (0..length).map(|other| shares[other] / sum * at(other, count + key_values + shared, i));
                context[(token * count + head) * size + i] = mixed.sum();
            }
        }
        context
    }

    fn check(attention: &Attention<'_>, length: usize) {
        for level in Level::ALL {
            check_on(Isa::detect().at_most(level), attention, length);
        }
    }

    fn check_on(isa: Isa, attention: &Attention<'_>, length: usize) {
        let heads = attention.heads;
        let qkv: Vec<f32> =
            (0..length * heads.row()).map(|i| ((i * 7919) % 2003) as f32 / 500.0 - 2.0).collect();
        let mut context = vec![f32::NAN; length * heads.query_width()];
        let mut room = AttentionRoom::default();
        assert!(attention.apply(isa, (length, &qkv), &mut context, &mut room).is_err(), "no room");
        room.reserve(isa, heads, length).unwrap();
        attention.apply(isa, (length, &qkv), &mut context, &mut room).unwrap();
        for (got, expected) in context.iter().zip(truth(attention, length, &qkv)) {
            assert!((f64::from(*got) - expected).abs() < 1e-5, "{isa:?}, {attention:?}, {length} tokens");
        }
        assert!(attention.apply(isa, (length, &qkv), &mut context[1..], &mut room).is_err());
        assert!(attention.apply(isa, (length, &qkv[1..]), &mut context, &mut room).is_err());
    }

    #[test]
    fn attention_is_what_its_formula_says() {
        for (count, size, length) in
            [(1, 1, 1), (4, 16, 1), (3, 5, 7), (2, 32, 33), (4, 16, 130), (1, 8, 300)]
        {
            let heads = Heads { count, key_values: count, size };
            check(&Attention { heads, scale: 1.0 / (size as f32).sqrt(), reach: ALL, bias: None }, length);
        }
    }

    #[test]
    fn heads_share_keys_and_reach_ends_where_it_should() {
        for (before, after) in [(usize::MAX, 0), (3, 3), (2, 0), (0, 5), (200, 0), (0, 0)] {
            for length in [1, 4, 9, 140, 290] {
                let heads = Heads { count: 4, key_values: 2, size: 6 };
                check(&Attention { heads, scale: 0.25, reach: Reach { before, after }, bias: None }, length);
            }
        }
    }

    #[test]
    fn biases_go_by_distance() {
        let longest = 150;
        let values: Vec<f32> =
            (0..3 * (2 * longest - 1)).map(|i| ((i * 31) % 17) as f32 / 8.0 - 1.0).collect();
        for length in [1, 2, 77, 150] {
            let heads = Heads { count: 3, key_values: 1, size: 4 };
            let bias = Some(DistanceBias { values: &values, longest });
            check(&Attention { heads, scale: 1.0, reach: ALL, bias }, length);
            check(&Attention { heads, scale: 1.0, reach: Reach { before: 9, after: 0 }, bias }, length);
        }
    }
}
