//! Attention of one sequence, head by head.

use pulp::{Arch, Simd, WithSimd};

use crate::activation::exp;
use crate::gemm::{Keep, Matrix, MatrixMut, ShapeMismatch, multiply};
use crate::lanes;

/// How queries, keys and values of a sequence lie in one buffer.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Number of heads.
    pub count: usize,
    /// Length of a query, key or value of one head.
    pub size: usize,
}

impl Heads {
    const fn width(self) -> usize {
        self.count * self.size
    }
}

/// Bidirectional attention of one sequence of `length` tokens.
///
/// `qkv` is `length × 3 · width` with `width = heads · size`: a token's queries of all heads, then its keys, then
/// its values. `context` is `length × width`. `scores` is room for `length × length`; what it held is lost.
/// Scores are scaled by `1 / √size`.
///
/// # Errors
/// A slice is too short for `length`.
pub fn bidirectional(
    heads: Heads,
    length: usize,
    qkv: &[f32],
    context: &mut [f32],
    scores: &mut [f32],
) -> Result<(), ShapeMismatch> {
    let width = heads.width();
    let scale = 1.0 / (heads.size as f32).sqrt();
    for head in 0..heads.count {
        let part = |which: usize| Matrix {
            data: qkv.get(which * width + head * heads.size..).unwrap_or_default(),
            rows: length,
            columns: heads.size,
            row_stride: 3 * width,
            column_stride: 1,
        };
        let (query, key, value) = (part(0), part(1), part(2));
        let keys_as_columns = Matrix {
            rows: key.columns,
            columns: key.rows,
            row_stride: key.column_stride,
            column_stride: key.row_stride,
            data: key.data,
        };
        let room = MatrixMut { data: scores, rows: length, columns: length, row_stride: length };
        multiply(room, Keep::Nothing, scale, query, keys_as_columns)?;
        softmax(scores, length);
        let shares =
            Matrix { data: scores, rows: length, columns: length, row_stride: length, column_stride: 1 };
        let place = context.get_mut(head * heads.size..).unwrap_or_default();
        let output = MatrixMut { data: place, rows: length, columns: heads.size, row_stride: width };
        multiply(output, Keep::Nothing, 1.0, shares, value)?;
    }
    Ok(())
}

/// Turns each of the first `length` rows of `length` scores into shares that sum to 1.
fn softmax(scores: &mut [f32], length: usize) {
    if length > 0 {
        Arch::new().dispatch(Softmax { scores, length });
    }
}

/// A struct and not a closure: see `activation::Map`.
struct Softmax<'a> {
    scores: &'a mut [f32],
    length: usize,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for row in self.scores.chunks_exact_mut(self.length).take(self.length) {
            let largest = lanes::max(row);
            for value in row.iter_mut() {
                *value = exp(*value - largest);
            }
            let inverse = 1.0 / lanes::sum(row);
            for value in row.iter_mut() {
                *value *= inverse;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(heads: Heads, length: usize, qkv: &[f32]) -> Vec<f64> {
        let width = heads.width();
        let at = |token: usize, which: usize, head: usize, i: usize| {
            f64::from(qkv[token * 3 * width + which * width + head * heads.size + i])
        };
        let mut context = vec![0.0; length * width];
        for head in 0..heads.count {
            for token in 0..length {
                let scores: Vec<f64> = (0..length)
                    .map(|other| (0..heads.size).map(|i| at(token, 0, head, i) * at(other, 1, head, i)).sum())
                    .map(|dot: f64| (dot / (heads.size as f64).sqrt()).exp())
                    .collect();
                let sum: f64 = scores.iter().sum();
                for i in 0..heads.size {
                    let mixed: f64 =
                        (0..length).map(|other| scores[other] / sum * at(other, 2, head, i)).sum();
                    context[token * width + head * heads.size + i] = mixed;
                }
            }
        }
        context
    }

    #[test]
    fn attention_is_what_its_formula_says() {
        for (count, size, length) in [(1, 1, 1), (4, 16, 1), (3, 5, 7), (2, 32, 33), (4, 16, 130)] {
            let heads = Heads { count, size };
            let qkv: Vec<f32> =
                (0..length * 3 * heads.width()).map(|i| ((i * 7919) % 2003) as f32 / 500.0 - 2.0).collect();
            let mut context = vec![f32::NAN; length * heads.width()];
            let mut scores = vec![f32::NAN; length * length];
            bidirectional(heads, length, &qkv, &mut context, &mut scores).unwrap();
            for (got, expected) in context.iter().zip(truth(heads, length, &qkv)) {
                assert!((f64::from(*got) - expected).abs() < 1e-5, "{heads:?}, {length} tokens");
            }
            let short = &mut context[1..];
            assert!(bidirectional(heads, length, &qkv, short, &mut scores).is_err());
        }
    }
}
