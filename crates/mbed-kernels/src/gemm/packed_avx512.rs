//! Products of some rows and a panel of weights, with all sums in registers.

use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps, _mm512_setzero_ps};
use std::ops::Range;

use super::packed::{REGISTERS, Step};
use crate::avx512::{load, load_some, store_some};

/// Rows at a time: 24 of the 32 registers are sums, and each weight that is loaded is used 8 times.
const ROWS: usize = 8;

/// Inputs at a time: 24 KiB of a panel, which stay in the first-level cache while all rows pass. Sums of more wait in
/// the output, which costs two moves for 128 additions and changes no bits.
const DEPTH: usize = 128;

/// Maps each row of `x` to the places `columns` of a row of `y`; both come with the length of a row.
#[target_feature(enable = "avx512f,fma")]
pub(super) fn apply(
    (x, input): (&[f32], usize),
    (steps, bias): (&[Step], &Step),
    (y, output): (&mut [f32], usize),
    columns: Range<usize>,
) {
    for (index, steps) in steps.chunks(DEPTH).enumerate() {
        let first = index * DEPTH;
        let bias = (first == 0).then_some(bias);
        for (x, y) in x.chunks(input * ROWS).zip(y.chunks_mut(output * ROWS)) {
            if x.len() == input * ROWS {
                let rows = std::array::from_fn(|row| &x[row * input + first..][..steps.len()]);
                add::<ROWS>(rows, (steps, bias), (y, output), &columns);
                continue;
            }
            // A row's sums are added up in the same order among others and alone.
            for (x, y) in x.chunks_exact(input).zip(y.chunks_mut(output)) {
                add::<1>([&x[first..][..steps.len()]], (steps, bias), (y, output), &columns);
            }
        }
    }
}

/// Adds the products of `rows` and `steps` to the bias, or, where there is none, to what `y` holds.
#[inline]
#[target_feature(enable = "avx512f,fma")]
fn add<const COUNT: usize>(
    rows: [&[f32]; COUNT],
    (steps, bias): (&[Step], Option<&Step>),
    (y, output): (&mut [f32], usize),
    columns: &Range<usize>,
) {
    // Loops over rows and registers go over constant ranges: then all sums are kept in registers.
    let mut sums = [[_mm512_setzero_ps(); REGISTERS]; COUNT];
    for row in 0..COUNT {
        for register in 0..REGISTERS {
            sums[row][register] = match bias {
                Some(bias) => load(&bias.0[register]),
                None => load_some(&y[places(row * output, register, columns)]),
            };
        }
    }
    for (index, step) in steps.iter().enumerate() {
        let weights = step.0.each_ref().map(|weights| load(weights));
        for row in 0..COUNT {
            let value = _mm512_set1_ps(rows[row][index]);
            for register in 0..REGISTERS {
                sums[row][register] = _mm512_fmadd_ps(value, weights[register], sums[row][register]);
            }
        }
    }
    for row in 0..COUNT {
        for register in 0..REGISTERS {
            store_some(&mut y[places(row * output, register, columns)], sums[row][register]);
        }
    }
}

/// Where a register's values lie in a row that starts at `start`.
#[inline]
fn places(start: usize, register: usize, columns: &Range<usize>) -> Range<usize> {
    let first = columns.end.min(columns.start + register * 16);
    start + first..start + columns.end.min(first + 16)
}
