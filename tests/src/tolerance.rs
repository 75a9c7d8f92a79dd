//! How far vectors may be from the truth.

use mbed_core::{Embeddings, Precision};

/// The largest difference that was agreed for a backend in a precision, see [`largest_difference`].
///
/// In binary32 more than ten times what any model of the tests shows (6e-7), whose sums of up to some hundred terms
/// are rounded in another order than the truth's; enough for other processors, and little against a wrong term.
///
/// In bfloat16, whose factors have 8 bits, published models show up to 2e-3 and small random ones up to 8.5e-3, which a
/// cosine of 0.9997 goes with; a wrong term shows as a tenth and more.
///
/// In binary16 ONNX Runtime decides what is rounded where, and whole numbers of 8 bits are coarse, so that only
/// directions are agreed.
const AGREED: [(&str, Precision, Bound); 12] = [
    ("cpu", Precision::F32, Bound::Difference(1e-5)),
    ("cpu", Precision::Bf16, Bound::Difference(1e-2)),
    ("cpu", Precision::Int8, Bound::Cosine(0.985)),
    ("onnx", Precision::F32, Bound::Difference(2e-5)),
    ("onnx", Precision::F16, Bound::Cosine(0.9999)),
    ("onnx", Precision::Int8, Bound::Cosine(0.98)),
    ("candle", Precision::F32, Bound::Difference(2e-5)),
    ("cuda", Precision::F32, Bound::Difference(1e-5)),
    ("cuda", Precision::Tf32, Bound::Cosine(0.9999)),
    ("cuda", Precision::F16, Bound::Cosine(0.9999)),
    // States are rounded as well as factors.
    ("cuda", Precision::Bf16, Bound::Cosine(0.999)),
    // It computes with whole numbers that binary32 holds exactly.
    ("fake", Precision::F32, Bound::Difference(0.0)),
];

/// What is compared with what.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// The most that [`largest_difference`] may be.
    Difference(f32),
    /// The least that the cosine of any row with its truth may be.
    Cosine(f32),
}

/// A row that is shorter counts as zeros, which have no direction.
const SHORTEST: f32 = 1e-6;

/// How far vectors may be from the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    bound: Bound,
}

impl Tolerance {
    /// A tolerance of `limit`, see [`largest_difference`].
    #[must_use]
    pub const fn new(limit: f32) -> Self {
        Self { bound: Bound::Difference(limit) }
    }

    /// A tolerance of every direction whose cosine with the true one is at least `least`.
    #[must_use]
    pub const fn of_cosine(least: f32) -> Self {
        Self { bound: Bound::Cosine(least) }
    }

    /// What was agreed for a backend in a precision, or `None`: a new pair is a decision, not a default.
    #[must_use]
    pub fn agreed(backend: &str, precision: Precision) -> Option<Self> {
        let found = AGREED.iter().find(|(name, agreed, _)| *name == backend && *agreed == precision);
        found.map(|&(_, _, bound)| Self { bound })
    }

    /// Proves that `got` is near enough to `expected`, and gives how near.
    ///
    /// # Errors
    /// As [`largest_difference`], and [`Mismatch::TooFar`] or [`Mismatch::Turned`].
    pub fn check(self, got: &Embeddings, expected: &Embeddings) -> Result<f32, Mismatch> {
        let Some(largest) = find_largest(got, expected)? else { return Ok(0.0) };
        let Largest { row, column, got: value, expected: truth, difference } = largest;
        match self.bound {
            Bound::Difference(limit) if difference > limit => {
                Err(Mismatch::TooFar { row, column, got: value, expected: truth, difference, limit })
            }
            Bound::Difference(_) => Ok(difference),
            Bound::Cosine(limit) => {
                let cosines = got.iter().zip(expected.iter()).map(|(got, expected)| cosine(got, expected));
                match cosines.enumerate().find(|(_, cosine)| *cosine < limit) {
                    Some((row, cosine)) => Err(Mismatch::Turned { row, cosine, limit }),
                    None => Ok(difference),
                }
            }
        }
    }
}

/// How two matrices differ.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Mismatch {
    /// They have not the same shape.
    #[error("{} × {} vectors, expected {} × {}", got.0, got.1, expected.0, expected.1)]
    Shape {
        /// Rows and dimensions.
        got: (usize, usize),
        /// Rows and dimensions of the truth.
        expected: (usize, usize),
    },
    /// A value is infinite or not a number, in either of them.
    #[error("row {row}, column {column} is {got}, expected {expected}: not finite")]
    NotFinite {
        /// The row.
        row: usize,
        /// The dimension.
        column: usize,
        /// The value.
        got: f32,
        /// The truth.
        expected: f32,
    },
    /// A value is too far from the truth.
    #[error("row {row}, column {column} is {got}, expected {expected}: {difference:e} is over {limit:e}")]
    TooFar {
        /// The row with the largest difference.
        row: usize,
        /// Its dimension.
        column: usize,
        /// The value.
        got: f32,
        /// The truth.
        expected: f32,
        /// See [`largest_difference`].
        difference: f32,
        /// How large it may be.
        limit: f32,
    },
    /// A row has too different a direction.
    #[error("row {row} has a cosine of {cosine} with the expected one, less than {limit}")]
    Turned {
        /// The row.
        row: usize,
        /// The cosine.
        cosine: f32,
        /// How small it may be.
        limit: f32,
    },
}

/// The largest absolute difference between two matrices, divided by the largest magnitude in `expected` where that
/// exceeds 1.
///
/// # Errors
/// Their shapes differ, or a value of either is not finite.
pub fn largest_difference(got: &Embeddings, expected: &Embeddings) -> Result<f32, Mismatch> {
    Ok(find_largest(got, expected)?.map_or(0.0, |largest| largest.difference))
}

/// The cosine of two rows. Two without a direction have the same one, one without has none in common with another.
fn cosine(left: &[f32], right: &[f32]) -> f32 {
    let product = |left: &[f32], right: &[f32]| left.iter().zip(right).map(|(a, b)| a * b).sum::<f32>();
    let lengths = [product(left, left).sqrt(), product(right, right).sqrt()];
    match lengths.map(|length| length < SHORTEST) {
        [true, true] => 1.0,
        [true, false] | [false, true] => 0.0,
        [false, false] => product(left, right) / (lengths[0] * lengths[1]),
    }
}

struct Largest {
    row: usize,
    column: usize,
    got: f32,
    expected: f32,
    difference: f32,
}

fn find_largest(got: &Embeddings, expected: &Embeddings) -> Result<Option<Largest>, Mismatch> {
    let shape = |matrix: &Embeddings| (matrix.rows(), matrix.dimensions());
    if shape(got) != shape(expected) {
        return Err(Mismatch::Shape { got: shape(got), expected: shape(expected) });
    }
    let scale = expected.values().iter().fold(1.0_f32, |largest, value| largest.max(value.abs()));
    let mut largest: Option<Largest> = None;
    for (row, (got, expected)) in got.iter().zip(expected.iter()).enumerate() {
        for (column, (&got, &expected)) in got.iter().zip(expected).enumerate() {
            if !got.is_finite() || !expected.is_finite() {
                return Err(Mismatch::NotFinite { row, column, got, expected });
            }
            let difference = (got - expected).abs() / scale;
            if largest.as_ref().is_none_or(|largest| difference > largest.difference) {
                largest = Some(Largest { row, column, got, expected, difference });
            }
        }
    }
    Ok(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(columns: usize, values: &[f32]) -> Embeddings {
        let mut matrix = Embeddings::new();
        matrix.reset(values.len() / columns, columns);
        matrix.values_mut().copy_from_slice(values);
        matrix
    }

    #[test]
    fn the_largest_difference_is_found_named_and_scaled() {
        let tolerance = Tolerance::new(0.5);
        let check = |got: &[f32], expected: &[f32]| tolerance.check(&matrix(2, got), &matrix(2, expected));
        assert_eq!(check(&[0.0, 0.25], &[0.0, 0.5]), Ok(0.25));
        assert_eq!(check(&[0.0, 2.0], &[0.0, 4.0]), Ok(0.5), "divided by the largest magnitude");
        let error = check(&[0.0, 0.0, 1.0, 0.0], &[0.0, 0.0, 0.25, 0.5]).unwrap_err();
        assert_eq!(error.to_string(), "row 1, column 0 is 1, expected 0.25: 7.5e-1 is over 5e-1");
        assert_eq!(check(&[], &[]), Ok(0.0));
    }

    #[test]
    fn what_is_not_a_number_is_never_near() {
        let tolerance = Tolerance::new(f32::INFINITY);
        for bad in [f32::NAN, f32::INFINITY] {
            let pairs = [([0.0, bad], [0.0, 1.0]), ([0.0, 1.0], [0.0, bad]), ([0.0, bad], [0.0, bad])];
            for (got, expected) in pairs {
                let error = tolerance.check(&matrix(2, &got), &matrix(2, &expected)).unwrap_err();
                assert!(matches!(error, Mismatch::NotFinite { row: 0, column: 1, .. }), "{error}");
            }
        }
    }

    #[test]
    fn directions_are_compared_by_their_cosine() {
        let tolerance = Tolerance::of_cosine(0.8);
        let check =
            |got: &[f32], expected: &[f32]| tolerance.check(&matrix(2, got), &matrix(2, expected)).is_ok();
        assert!(check(&[2.0, 0.0, 0.0, 1.0], &[1.0, 0.5, 0.0, 3.0]));
        assert!(!check(&[1.0, 0.0, 0.0, 1.0], &[1.0, 0.0, 1.0, 1.0]), "the cosine is 0.71");
        assert!(!check(&[1.0, 0.0], &[-1.0, 0.0]) && !check(&[0.0, 0.0], &[1.0, 0.0]));
        assert!(check(&[0.0, 0.0], &[0.0, 0.0]));
        let error = tolerance.check(&matrix(2, &[0.0, 1.0]), &matrix(2, &[1.0, 0.0])).unwrap_err();
        assert_eq!(error.to_string(), "row 0 has a cosine of 0 with the expected one, less than 0.8");
    }

    #[test]
    fn shapes_are_compared_first() {
        let error = largest_difference(&matrix(2, &[0.0; 4]), &matrix(4, &[0.0; 4])).unwrap_err();
        assert_eq!(error.to_string(), "2 × 2 vectors, expected 1 × 4");
    }

    #[test]
    fn only_agreed_pairs_have_a_tolerance() {
        assert_eq!(Tolerance::agreed("cpu", Precision::F32), Some(Tolerance::new(1e-5)));
        assert_eq!(Tolerance::agreed("cpu", Precision::Fp8), None);
        assert_eq!(Tolerance::agreed("gpu", Precision::F32), None);
    }
}
