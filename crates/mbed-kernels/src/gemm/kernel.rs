//! The heart of every product in binary32: the sums of some rows and some columns, in registers.

use pulp::Simd;

use super::panels::{LINE, Line};

/// The sums of some rows, each for the columns of so many registers.
pub(crate) type Sums<S, const ROWS: usize, const REGISTERS: usize> = [[<S as Simd>::f32s; REGISTERS]; ROWS];

/// `a · b + c`, rounded once where the instructions can. Where they cannot, rounding once would be a call of a function.
#[inline(always)]
pub(crate) fn multiply_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    if S::F32_LANES >= 8 || cfg!(target_arch = "aarch64") {
        simd.mul_add_e_f32s(a, b, c)
    } else {
        simd.add_f32s(simd.mul_f32s(a, b), c)
    }
}

/// Adds the products of each row's values with the steps of a panel, `LINES` lines a step, to `total`.
///
/// Each sum adds up one input after the other, so its bits depend neither on the other rows nor on how many they are.
/// Between two looks at where rows lie there are `CHUNK` steps, in which places are known without a check.
///
/// Loops over rows and registers go over constant ranges, and the sums are a copy of its own that nobody else looks into:
/// then all of them stay in registers.
#[inline(always)]
pub(crate) fn accumulate<
    S: Simd,
    const ROWS: usize,
    const REGISTERS: usize,
    const LINES: usize,
    const CHUNK: usize,
>(
    simd: S,
    rows: [&[f32]; ROWS],
    panel: &[Line],
    total: &mut Sums<S, ROWS, REGISTERS>,
) {
    let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; ROWS];
    for row in 0..ROWS {
        for register in 0..REGISTERS {
            sums[row][register] = total[row][register];
        }
    }
    let (steps, _) = panel.as_chunks::<LINES>();
    let (chunks, rest) = steps.as_chunks::<CHUNK>();
    for (index, chunk) in chunks.iter().enumerate() {
        let mut values = [&[0.0; CHUNK]; ROWS];
        for row in 0..ROWS {
            values[row] = &rows[row].as_chunks().0[index];
        }
        for (place, step) in chunk.iter().enumerate() {
            let weights: [_; REGISTERS] = load_step(simd, step);
            for row in 0..ROWS {
                let value = simd.splat_f32s(values[row][place]);
                for register in 0..REGISTERS {
                    sums[row][register] = multiply_add(simd, value, weights[register], sums[row][register]);
                }
            }
        }
    }
    for (index, step) in (chunks.len() * CHUNK..).zip(rest) {
        let weights: [_; REGISTERS] = load_step(simd, step);
        for row in 0..ROWS {
            let value = simd.splat_f32s(rows[row][index]);
            for register in 0..REGISTERS {
                sums[row][register] = multiply_add(simd, value, weights[register], sums[row][register]);
            }
        }
    }
    for row in 0..ROWS {
        for register in 0..REGISTERS {
            total[row][register] = sums[row][register];
        }
    }
}

#[inline(always)]
fn load_step<S: Simd, const REGISTERS: usize, const LINES: usize>(
    simd: S,
    step: &[Line; LINES],
) -> [S::f32s; REGISTERS] {
    let in_line = LINE / S::F32_LANES;
    let mut weights = [simd.splat_f32s(0.0); REGISTERS];
    for register in 0..REGISTERS {
        weights[register] = S::as_simd_f32s(&step[register / in_line].0).0[register % in_line];
    }
    weights
}

/// The values of a register, zeros where there are none.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, values: &[f32], register: usize) -> S::f32s {
    let (whole, rest) = S::as_simd_f32s(values);
    match whole.get(register) {
        Some(values) => *values,
        None if register == whole.len() => simd.partial_load_f32s(rest),
        None => simd.splat_f32s(0.0),
    }
}

/// Writes a row of registers, as many values as there are places.
#[inline(always)]
pub(crate) fn store_row<S: Simd, const REGISTERS: usize>(
    simd: S,
    places: &mut [f32],
    values: [S::f32s; REGISTERS],
) {
    let (whole, rest) = S::as_mut_simd_f32s(places);
    let count = whole.len();
    for (register, value) in values.into_iter().enumerate() {
        if let Some(place) = whole.get_mut(register) {
            *place = value;
        } else if register == count {
            simd.partial_store_f32s(rest, value);
        }
    }
}
