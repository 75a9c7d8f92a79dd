//! Attention of one sequence, head by head.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use crate::activation::exp;
use crate::gemm::{Keep, Matrix, MatrixMut, ShapeMismatch, multiply};
use crate::lanes;

/// Rows of scores that are held at a time.
const QUERY_BLOCK: usize = 128;

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
    /// Length of the room for scores that a sequence of `length` tokens needs.
    #[must_use]
    pub const fn scores(length: usize) -> usize {
        if length < QUERY_BLOCK { length * length } else { QUERY_BLOCK * length }
    }

    /// Computes the contexts of one sequence of `length` tokens.
    ///
    /// `qkv` is `length × row` and `context` is `length × query_width`, see [`Heads`]; `scores` has room for
    /// [`Attention::scores`] values, and what it held is lost.
    ///
    /// # Errors
    /// A slice is too short for `length`.
    pub fn apply(
        &self,
        length: usize,
        qkv: &[f32],
        context: &mut [f32],
        scores: &mut [f32],
    ) -> Result<(), ShapeMismatch> {
        for head in 0..self.heads.count {
            for first in (0..length).step_by(QUERY_BLOCK) {
                let queries = first..length.min(first + QUERY_BLOCK);
                self.attend(&Block { head, queries, length }, qkv, context, scores)?;
            }
        }
        Ok(())
    }

    fn attend(
        &self,
        block: &Block,
        qkv: &[f32],
        context: &mut [f32],
        scores: &mut [f32],
    ) -> Result<(), ShapeMismatch> {
        let Block { head, ref queries, length } = *block;
        let Heads { count, key_values, size } = self.heads;
        let shared = head / (count / key_values.max(1)).max(1);
        let keys = self.reach.keys(queries.start, length).start
            ..self.reach.keys(queries.end.saturating_sub(1), length).end;
        let matrix = |column: usize, tokens: &Range<usize>| Matrix {
            data: qkv.get(tokens.start * self.heads.row() + column * size..).unwrap_or_default(),
            rows: tokens.len(),
            columns: size,
            row_stride: self.heads.row(),
            column_stride: 1,
        };
        let (query, key) = (matrix(head, queries), matrix(count + shared, &keys));
        let room =
            MatrixMut { data: scores, rows: queries.len(), columns: keys.len(), row_stride: keys.len() };
        multiply(room, Keep::Nothing, self.scale, query, key.transposed())?;
        Arch::new().dispatch(Shares { attention: self, block, keys: &keys, scores });
        let shares = Matrix {
            data: scores,
            rows: queries.len(),
            columns: keys.len(),
            row_stride: keys.len(),
            column_stride: 1,
        };
        let width = self.heads.query_width();
        let place = context.get_mut(queries.start * width + head * size..).unwrap_or_default();
        let output = MatrixMut { data: place, rows: queries.len(), columns: size, row_stride: width };
        multiply(output, Keep::Nothing, 1.0, shares, matrix(count + key_values + shared, &keys))
    }
}

/// Neighbouring queries of one head.
struct Block {
    head: usize,
    queries: Range<usize>,
    /// Of the whole sequence.
    length: usize,
}

/// Turns the scores of `queries × keys` into shares that sum to 1 over the keys within reach and are 0 elsewhere.
///
/// A struct and not a closure: see `activation::Map`.
struct Shares<'a> {
    attention: &'a Attention<'a>,
    block: &'a Block,
    keys: &'a Range<usize>,
    scores: &'a mut [f32],
}

impl WithSimd for Shares<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { attention, block, keys, .. } = self;
        for (query, row) in block.queries.clone().zip(self.scores.chunks_exact_mut(keys.len().max(1))) {
            let bias = attention.bias.and_then(|bias| bias.row(block.head, query, keys));
            for (score, added) in row.iter_mut().zip(bias.unwrap_or_default()) {
                *score += added;
            }
            let seen = attention.reach.keys(query, block.length);
            let (before, rest) = row.split_at_mut(seen.start - keys.start);
            let (seen, after) = rest.split_at_mut(seen.len());
            before.fill(0.0);
            after.fill(0.0);
            softmax(seen);
        }
    }
}

#[inline(always)]
fn softmax(scores: &mut [f32]) {
    let largest = lanes::max(scores);
    for value in scores.iter_mut() {
        *value = exp(*value - largest);
    }
    let inverse = 1.0 / lanes::sum(scores);
    for value in scores.iter_mut() {
        *value *= inverse;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let heads = attention.heads;
        let qkv: Vec<f32> =
            (0..length * heads.row()).map(|i| ((i * 7919) % 2003) as f32 / 500.0 - 2.0).collect();
        let mut context = vec![f32::NAN; length * heads.query_width()];
        let mut scores = vec![f32::NAN; Attention::scores(length)];
        attention.apply(length, &qkv, &mut context, &mut scores).unwrap();
        for (got, expected) in context.iter().zip(truth(attention, length, &qkv)) {
            assert!((f64::from(*got) - expected).abs() < 1e-5, "{attention:?}, {length} tokens");
        }
        assert!(attention.apply(length, &qkv, &mut context[1..], &mut scores).is_err());
        let is_short = attention.apply(length, &qkv, &mut context, &mut scores[1..]).is_err();
        assert!(is_short || attention.reach != ALL, "a nearer reach needs less room");
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
