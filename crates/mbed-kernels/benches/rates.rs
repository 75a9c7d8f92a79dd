//! Rates of linear maps against each other and against the peak of this processor, one thread and all of them.
//!
//! `cargo bench -p mbed-kernels --bench rates -- [ROUNDS]` prints one JSON line for each shape and kind: the median
//! over the rounds, in which kinds take turns. The shapes are those of all-MiniLM-L6-v2 and of BERT's base size.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and stops where something is wrong"
)]

use std::hint::black_box;
use std::time::Instant;

use mbed_kernels::Isa;
use mbed_kernels::activation::Function;
use mbed_kernels::bf16::{Bf16Linear, Output, TileRows};
use mbed_kernels::gemm::Linear;

/// Rows, inputs, outputs.
const SHAPES: [(usize, usize, usize); 7] = [
    (512, 384, 1152),
    (512, 384, 384),
    (512, 384, 1536),
    (512, 1536, 384),
    (512, 768, 3072),
    (512, 3072, 768),
    (32, 384, 1536),
];

const ROUNDS: usize = 15;

type Job = Box<dyn FnMut()>;

fn main() {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(ROUNDS);
    let isa = Isa::detect();
    for (rows, input, output) in SHAPES {
        let mut kinds = jobs(isa, rows, input, output);
        let mut rates = vec![Vec::new(); kinds.len()];
        for _ in 0..rounds {
            for ((_, job), rates) in kinds.iter_mut().zip(&mut rates) {
                rates.push(2e-9 * (rows * input * output) as f64 / seconds(job));
            }
        }
        for ((name, _), rates) in kinds.iter().zip(&mut rates) {
            rates.sort_by(f64::total_cmp);
            let median = rates[rates.len() / 2];
            println!(
                "{{\"shape\": [{rows}, {output}, {input}], \"kind\": \"{name}\", \"gflops\": {median:.0}}}"
            );
        }
    }
}

/// The seconds of one call, over as many as take about a hundredth of a second.
fn seconds(job: &mut Job) -> f64 {
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed().as_secs_f64() < 0.01 {
        job();
        calls += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(calls)
}

fn jobs(isa: Isa, rows: usize, input: usize, output: usize) -> Vec<(&'static str, Job)> {
    let weight = noise(input * output);
    let (x, bias) = (noise(rows * input), noise(output));
    let mut tiles = TileRows::new();
    tiles.reset(rows, input).unwrap();
    tiles.write(isa, 0, &x);
    let bf16 = Bf16Linear::new(isa, &weight, &bias, input).unwrap();
    let mut jobs: Vec<(&'static str, Job)> = Vec::new();
    let linear = Linear::new(&weight, bias, input).unwrap();
    if rows % 64 == 0 {
        let mut y = vec![0.0; rows * output];
        jobs.push(("f32", Box::new(move || linear.apply(&x, black_box(&mut y)).unwrap())));
    }
    let mut y = vec![0.0; rows * output];
    let (linear, x) = (bf16.clone(), tiles.clone());
    let rows_job = move || linear.apply(x.view(), Output::Rows(black_box(&mut y))).unwrap();
    jobs.push(("bf16 to f32", Box::new(rows_job)));
    for (name, function) in [("bf16 to bf16", Function::Identity), ("bf16 with gelu", Function::Gelu)] {
        let (linear, x) = (bf16.clone(), tiles.clone());
        let mut y = TileRows::new();
        y.reset(rows, output).unwrap();
        let job = move || linear.apply(x.view(), Output::Tiles(function, black_box(&mut y))).unwrap();
        jobs.push((name, Box::new(job)));
    }
    jobs
}

fn noise(length: usize) -> Vec<f32> {
    (0..length).map(|i| ((i * 7919) % 2003) as f32 / 1000.0 - 1.0).collect()
}
