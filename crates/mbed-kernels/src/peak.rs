//! The most that a thread of this machine reaches in products, measured.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pulp::{Simd, WithSimd};

use crate::Isa;
use crate::bf16::{Bf16Linear, Output, TileRows};
use crate::gemm::multiply_add;

/// How long is measured, after as long without.
const TIME: Duration = Duration::from_millis(5);

/// Which products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Of binary32 values: multiplications with their additions that wait for no memory.
    F32,
    /// Of bfloat16 values with binary32 sums: blocks that stay in the first-level cache.
    Bf16,
}

/// Operations a second on the calling thread, two for a multiplication with its addition.
#[must_use]
pub fn operations_a_second(isa: Isa, product: Product) -> f64 {
    match product {
        Product::F32 => rate(|| isa.vectorize(Additions)),
        Product::Bf16 => bf16(isa).unwrap_or_default(),
    }
}

/// The best of some rounds: others on the machine make it only slower.
fn rate(mut work: impl FnMut() -> usize) -> f64 {
    let mut best = 0.0_f64;
    let start = Instant::now();
    while start.elapsed() < 2 * TIME {
        let (begin, mut operations) = (Instant::now(), 0);
        while begin.elapsed() < TIME / 5 {
            operations += work();
        }
        best = best.max(operations as f64 / begin.elapsed().as_secs_f64());
    }
    best
}

fn bf16(isa: Isa) -> Option<f64> {
    const SIZE: usize = 256;
    const ROWS: usize = 32;
    let (weight, mut y) = (vec![0.5; SIZE * ROWS], vec![0.0; ROWS * ROWS]);
    let linear = Bf16Linear::new(isa, &weight, &[], SIZE)?;
    let mut x = TileRows::new();
    x.reset(ROWS, SIZE).ok()?;
    x.write(isa, 0, &vec![0.5; ROWS * SIZE]);
    Some(rate(|| {
        let is_done = linear.apply(x.view(), Output::Rows(black_box(&mut y))).is_ok();
        if is_done { 2 * ROWS * SIZE * ROWS } else { 0 }
    }))
}

/// Multiplications and additions in registers, as many side by side as hide what each waits for.
struct Additions;

impl WithSimd for Additions {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        const CHAINS: usize = 10;
        const ROUNDS: usize = 1000;
        let (a, b) = (simd.splat_f32s(black_box(1.0)), simd.splat_f32s(black_box(0.5)));
        let mut sums = [simd.splat_f32s(0.0); CHAINS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = multiply_add(simd, a, b, *sum);
            }
        }
        let mut total = simd.splat_f32s(0.0);
        for sum in sums {
            total = simd.add_f32s(total, sum);
        }
        black_box(simd.reduce_sum_f32s(total));
        2 * ROUNDS * CHAINS * S::F32_LANES
    }
}
