//! One product of strided matrices, on the calling thread, by the `gemm` crate.

#![expect(unsafe_code, reason = "the gemm crate takes raw pointers; every element is proven in bounds first")]

/// A read-only matrix inside a slice: element `(i, j)` lies at `i · row_stride + j · column_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Where the elements lie.
    pub data: &'a [f32],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Distance between the rows' starts.
    pub row_stride: usize,
    /// Distance between neighbours in a row.
    pub column_stride: usize,
}

impl Matrix<'_> {
    /// Its rows as columns.
    #[must_use]
    pub const fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A matrix to write: rows apart by `row_stride`, neighbours next to each other.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    /// Where the elements lie.
    pub data: &'a mut [f32],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Distance between the rows' starts, at least `columns`.
    pub row_stride: usize,
}

/// Matrices that do not fit each other or their slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("matrices of {left:?} and {right:?} do not give one of {output:?}, or leave their slices")]
pub struct ShapeMismatch {
    /// Rows and columns of the left factor.
    pub left: (usize, usize),
    /// Rows and columns of the right factor.
    pub right: (usize, usize),
    /// Rows and columns of the result.
    pub output: (usize, usize),
}

/// `output = keep · output + scale · left · right`, with `keep` 0 or 1: with [`Keep::Nothing`] the old values are
/// never read.
///
/// # Errors
/// The shapes do not fit, or a matrix leaves its slice.
pub fn multiply(
    output: MatrixMut<'_>,
    keep: Keep,
    scale: f32,
    left: Matrix<'_>,
    right: Matrix<'_>,
) -> Result<(), ShapeMismatch> {
    let shapes_fit =
        left.columns == right.rows && output.rows == left.rows && output.columns == right.columns;
    let output_fits = output.row_stride >= output.columns
        && inside(output.data.len(), (output.rows, output.row_stride), (output.columns, 1));
    let fits = |m: &Matrix<'_>| inside(m.data.len(), (m.rows, m.row_stride), (m.columns, m.column_stride));
    if !(shapes_fit && output_fits && fits(&left) && fits(&right)) {
        return Err(ShapeMismatch {
            left: (left.rows, left.columns),
            right: (right.rows, right.columns),
            output: (output.rows, output.columns),
        });
    }
    let read_output = keep == Keep::Sum;
    let alpha = if read_output { 1.0 } else { 0.0 };
    // SAFETY: `inside` proved for each of the three matrices that all its elements lie in its slice; `output` is
    // a unique borrow and its rows do not overlap, since a row's stride is at least its length. Strides came from
    // slices' indices, so they fit `isize`.
    unsafe {
        gemm::gemm(
            output.rows,
            output.columns,
            left.columns,
            output.data.as_mut_ptr(),
            1,
            output.row_stride as isize,
            read_output,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            alpha,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
    Ok(())
}

/// What happens to the values that the result's place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// They are overwritten.
    Nothing,
    /// The product is added to them.
    Sum,
}

/// Whether every element of a matrix with these (count, stride) pairs lies below `length`.
fn inside(length: usize, rows: (usize, usize), columns: (usize, usize)) -> bool {
    if rows.0 == 0 || columns.0 == 0 {
        return true;
    }
    let last_row = (rows.0 - 1).checked_mul(rows.1);
    let last_column = (columns.0 - 1).checked_mul(columns.1);
    let last = last_row.zip(last_column).and_then(|(row, column)| row.checked_add(column));
    last.is_some_and(|last| last < length && isize::try_from(last).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn view(data: &[f32], rows: usize, columns: usize, by_rows: bool) -> Matrix<'_> {
        let (row_stride, column_stride) = if by_rows { (columns, 1) } else { (1, rows) };
        Matrix { data, rows, columns, row_stride, column_stride }
    }

    proptest! {
        #[test]
        fn products_equal_the_triple_loop(
            (m, n, k) in (1_usize..70, 1_usize..40, 1_usize..50),
            (left_rows, right_rows, sum) in (any::<bool>(), any::<bool>(), any::<bool>()),
            seed in 0_u32..1000,
        ) {
            let noise = |i: usize| (((i as u32).wrapping_mul(2_654_435_761) ^ seed) % 2001) as f32 / 1000.0 - 1.0;
            let a: Vec<f32> = (0..m * k).map(noise).collect();
            let b: Vec<f32> = (0..k * n).map(|i| noise(i + 7777)).collect();
            let stride = n + 3;
            let mut c = vec![0.25_f32; m * stride];
            let (left, right) = (view(&a, m, k, left_rows), view(&b, k, n, right_rows));
            let keep = if sum { Keep::Sum } else { Keep::Nothing };
            let output = MatrixMut { data: &mut c, rows: m, columns: n, row_stride: stride };
            multiply(output, keep, 0.5, left, right).unwrap();
            let at = |m: &Matrix<'_>, i: usize, j: usize| f64::from(m.data[i * m.row_stride + j * m.column_stride]);
            for i in 0..m {
                for j in 0..n {
                    let product: f64 = (0..k).map(|p| at(&left, i, p) * at(&right, p, j)).sum();
                    let truth = 0.5 * product + if sum { 0.25 } else { 0.0 };
                    prop_assert!((f64::from(c[i * stride + j]) - truth).abs() < 1e-4);
                }
                prop_assert!(c[i * stride + n..(i + 1) * stride].iter().all(|&gap| gap == 0.25));
            }
        }
    }

    #[test]
    fn what_leaves_its_slice_is_refused() {
        let data = [1.0_f32; 6];
        let mut output = [0.0_f32; 4];
        let good = Matrix { data: &data, rows: 2, columns: 3, row_stride: 3, column_stride: 1 };
        let turned = Matrix { rows: 3, columns: 2, row_stride: 1, column_stride: 3, ..good };
        let mut check = |left, right, row_stride, fits: bool| {
            let output = MatrixMut { data: &mut output, rows: 2, columns: 2, row_stride };
            assert_eq!(multiply(output, Keep::Nothing, 1.0, left, right).is_ok(), fits);
        };
        check(good, turned, 2, true);
        check(good, good, 2, false);
        check(good, turned, 1, false);
        check(good, turned, 3, false);
        check(Matrix { row_stride: 4, ..good }, turned, 2, false);
        check(good, Matrix { column_stride: usize::MAX, ..turned }, 2, false);
    }
}
