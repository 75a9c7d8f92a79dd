//! What this processor can do at best: matrix products and memory, with all cores.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use mbed_kernels::Isa;
use mbed_kernels::activation::Function;
use mbed_kernels::bf16::{Bf16Linear, Output, TileRows};
use mbed_kernels::gemm::{self, Linear};
use serde::{Deserialize, Serialize};

/// What this processor can do at best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// Billions of operations a second of matrix products in f32.
    pub f32_gflops: Option<f64>,
    /// The same in bfloat16, with sums in f32.
    pub bf16_gflops: Option<f64>,
    /// Billions of bytes that all cores read a second from memory.
    pub read_gbytes: f64,
    /// Threads that were used.
    pub threads: usize,
}

/// Rows, inputs and outputs of the product. On two cores with AMX the best of those between (256, 256, 256) and
/// (2048, 2048, 2048), within a tenth: weights stay in the second-level cache.
const SHAPE: (usize, usize, usize) = (512, 768, 768);

/// How long each thread works at a time, and how often: the best time counts, for what others do only ever slows it.
const TIME: Duration = Duration::from_millis(50);
const TIMES: usize = 10;

/// Bytes that each thread reads: more than caches hold.
const READ_BYTES: usize = 64 << 20;

impl Peak {
    /// Measures it, which takes about two seconds.
    #[must_use]
    pub fn measure() -> Self {
        let threads = mbed_monitor::cores().get();
        let isa = Isa::detect();
        let operations = 2e-9 * (SHAPE.0 * SHAPE.1 * SHAPE.2) as f64;
        let in_f32 = rate(threads, || f32_job(isa));
        let in_bf16 = isa.has(mbed_kernels::Level::Amx).then(|| rate(threads, || bf16_job(isa))).flatten();
        let read = rate(threads, || Some(read_job())).unwrap_or_default();
        Self {
            f32_gflops: in_f32.map(|rate| rate * operations),
            bf16_gflops: in_bf16.map(|rate| rate * operations),
            read_gbytes: read * READ_BYTES as f64 * 1e-9,
            threads,
        }
    }

    /// Of a precision by its name, where it was measured.
    #[must_use]
    pub fn of(&self, precision: &str) -> Option<f64> {
        match precision {
            "f32" => self.f32_gflops,
            "bf16" => self.bf16_gflops,
            _ => None,
        }
    }
}

type Job = Box<dyn FnMut()>;

/// Calls a second of all threads together, each with a job of its own; `None` where one has none.
fn rate(threads: usize, job: impl Fn() -> Option<Job> + Sync) -> Option<f64> {
    let work = || {
        let mut job = job()?;
        job();
        let mut slice = || {
            let (start, mut calls) = (Instant::now(), 0_u32);
            while start.elapsed() < TIME {
                job();
                calls += 1;
            }
            f64::from(calls) / start.elapsed().as_secs_f64()
        };
        Some((0..TIMES).map(|_| slice()).fold(0.0, f64::max))
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // One that panicked has no rate.
        workers.into_iter().map(|worker| worker.join().ok().flatten()).sum()
    })
}

fn noise(length: usize) -> Vec<f32> {
    (0..length).map(|index| ((index * 7919) % 2003) as f32 / 1000.0 - 1.0).collect()
}

fn f32_job(isa: Isa) -> Option<Job> {
    let (rows, input, output) = SHAPE;
    let linear = Linear::new(isa, &noise(input * output), &noise(output), input)?;
    let (x, mut y) = (noise(rows * input), vec![0.0; rows * output]);
    // The shapes are constants that fit each other.
    Some(Box::new(move || {
        let _fits = linear.apply(&x, gemm::Output::Rows(Function::Identity, black_box(&mut y)));
    }))
}

fn bf16_job(isa: Isa) -> Option<Job> {
    let (rows, input, output) = SHAPE;
    let linear = Bf16Linear::new(isa, &noise(input * output), &noise(output), input)?;
    let mut x = TileRows::new();
    x.reset(rows, input).ok()?;
    x.write(isa, 0, &noise(rows * input));
    let mut y = vec![0.0; rows * output];
    Some(Box::new(move || {
        let _fits = linear.apply(x.view(), Output::Sum(black_box(&mut y)));
    }))
}

fn read_job() -> Job {
    let values = vec![1_u64; READ_BYTES / size_of::<u64>()];
    Box::new(move || {
        black_box(black_box(&values).iter().fold(0_u64, |sum, value| sum.wrapping_add(*value)));
    })
}
