//! Instructions of a warp, as the PTX ISA describes their fragments.

/// Threads of a warp.
pub(super) const LANES: usize = 32;

/// A 32-bit register with two 16-bit values.
pub(super) type Pair = [f32; 2];

/// `ldmatrix.m8n8.x4`: lane `8 m + r` gives the place of row `r` of matrix `m`. Thread `T` gets elements `2 (T % 4)` and
/// the next of row `T / 4` (PTX ISA 9.0, 9.7.14.5.15, figure of the fragment layout).
pub(super) fn load_matrices(memory: &[f32], places: [usize; LANES]) -> [[Pair; 4]; LANES] {
    std::array::from_fn(|lane| {
        std::array::from_fn(|matrix| {
            let row = places[matrix * 8 + lane / 4];
            let column = lane % 4 * 2;
            [memory[row + column], memory[row + column + 1]]
        })
    })
}

/// The same with `.trans`: thread `T` gets what would be its elements were each matrix transposed.
pub(super) fn load_transposed(memory: &[f32], places: [usize; LANES]) -> [[Pair; 4]; LANES] {
    std::array::from_fn(|lane| {
        std::array::from_fn(|matrix| {
            let column = lane / 4;
            let row = |i| places[matrix * 8 + lane % 4 * 2 + i];
            [memory[row(0) + column], memory[row(1) + column]]
        })
    })
}

/// `mma.m16n8k16` with 16-bit operands. For `groupID = lane / 4` and `threadID = lane % 4`: element `a_i` stands in row
/// `groupID`, plus 8 unless `i` is 0, 1, 4 or 5, and in column `2 threadID + i % 2`, plus 8 from `i = 4` on; `b_i` in row
/// `2 threadID + i % 2`, plus 8 from `i = 2` on, and column `groupID`; `c_i` in row `groupID`, plus 8 from `i = 2` on, and
/// column `2 threadID + i % 2`.
pub(super) fn multiply_add_16(
    sums: &mut [[f32; 4]; LANES],
    left: &[[Pair; 4]; LANES],
    right: &[[Pair; 2]; LANES],
) {
    let mut a = [[0.0; 16]; 16];
    let mut b = [[0.0; 8]; 16];
    for lane in 0..LANES {
        let (group, thread) = (lane / 4, lane % 4);
        for i in 0..8 {
            let row = group + if matches!(i, 0 | 1 | 4 | 5) { 0 } else { 8 };
            let column = thread * 2 + i % 2 + if i < 4 { 0 } else { 8 };
            a[row][column] = left[lane][i / 2][i % 2];
        }
        for i in 0..4 {
            let row = thread * 2 + i % 2 + if i < 2 { 0 } else { 8 };
            b[row][group] = right[lane][i / 2][i % 2];
        }
    }
    add_product(sums, &a, &b);
}

/// `mma.m16n8k8` with 16-bit operands: `a_0` and `a_1` stand in row `groupID`, `a_2` and `a_3` in row `groupID + 8`, all in
/// columns `2 threadID + i % 2`; `b_i` in row `2 threadID + i` and column `groupID`; `c_i` as above.
pub(super) fn multiply_add_8(sums: &mut [[f32; 4]; LANES], left: &[[Pair; 2]; LANES], right: &[Pair; LANES]) {
    let mut a = [[0.0; 8]; 16];
    let mut b = [[0.0; 8]; 8];
    for lane in 0..LANES {
        let (group, thread) = (lane / 4, lane % 4);
        for i in 0..4 {
            a[group + i / 2 * 8][thread * 2 + i % 2] = left[lane][i / 2][i % 2];
        }
        for i in 0..2 {
            b[thread * 2 + i][group] = right[lane][i];
        }
    }
    add_product(sums, &a, &b);
}

fn add_product<const K: usize>(sums: &mut [[f32; 4]; LANES], a: &[[f32; K]; 16], b: &[[f32; 8]; K]) {
    for (lane, own) in sums.iter_mut().enumerate() {
        for (i, sum) in own.iter_mut().enumerate() {
            let (row, column) = (lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2);
            *sum += (0..K).map(|k| a[row][k] * b[k][column]).sum::<f32>();
        }
    }
}

/// `__shfl_xor_sync` with one combining function: every lane gets its own value and that of the lane `distance` away.
pub(super) fn combine(values: &mut [f32; LANES], distance: usize, join: fn(f32, f32) -> f32) {
    let old = *values;
    for (lane, value) in values.iter_mut().enumerate() {
        *value = join(old[lane], old[lane ^ distance]);
    }
}
