//! Rates of linear maps on one thread, in turns, on the shapes of all-MiniLM-L6-v2 and of BERT's base size.
//!
//! `cargo bench -p mbed-kernels --bench rates -- [ROUNDS]` prints one JSON line for each shape and kind with the median
//! over the rounds. Time is that of the thread, where the system tells it: others on the machine then count only by
//! what they do to caches.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and stops where something is wrong"
)]

use std::hint::black_box;

use mbed_kernels::activation::Function;
use mbed_kernels::attention::{Attention, AttentionRoom, Heads, Reach};
use mbed_kernels::bf16::{Bf16Linear, Bf16Scratch, Output, TileRows};
use mbed_kernels::gemm::{self, Linear};
use mbed_kernels::int8::{ByteRows, Int8Linear};
use mbed_kernels::{Isa, Level};

/// Rows, inputs, outputs. The first fits the first-level cache, which shows how fast the processor is at this time.
const SHAPES: [(usize, usize, usize); 8] = [
    (64, 128, 96),
    (512, 384, 1152),
    (512, 384, 384),
    (512, 384, 1536),
    (512, 1536, 384),
    (512, 768, 3072),
    (512, 3072, 768),
    (32, 384, 1536),
];

const ROUNDS: usize = 15;

/// Of all sequences of a call.
const TOKENS: usize = 512;

type Job = Box<dyn FnMut()>;

fn main() {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(ROUNDS);
    let isa = Isa::detect();
    for length in [16, 128, 256] {
        let time = attention(isa, length, rounds);
        println!(
            "{{\"attention\": {length}, \"heads\": [12, 32], \"kind\": \"bf16\", \"ns_a_token\": {time:.0}}}"
        );
        for isa in paths(isa) {
            let time = attention_f32(isa, length, rounds);
            let kind = format!("f32 {}", isa.level());
            println!(
                "{{\"attention\": {length}, \"heads\": [12, 32], \"kind\": \"{kind}\", \"ns_a_token\": {time:.0}}}"
            );
        }
    }
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

/// Nanoseconds a token of attention in bfloat16, for sequences of one length that make 512 tokens.
fn attention(isa: Isa, length: usize, rounds: usize) -> f64 {
    let heads = Heads { count: 12, key_values: 12, size: 32 };
    let reach = Reach { before: usize::MAX, after: usize::MAX };
    let attention = Attention { heads, scale: 0.2, reach, bias: None };
    let (mut qkv, mut context, mut scratch) = (TileRows::new(), TileRows::new(), Bf16Scratch::default());
    qkv.reset(TOKENS, heads.row()).unwrap();
    qkv.write(isa, 0, &noise(TOKENS * heads.row()));
    context.reset(TOKENS, heads.query_width()).unwrap();
    let mut job: Job = Box::new(move || {
        for start in (0..TOKENS).step_by(length) {
            let places = (&qkv, black_box(&mut context));
            attention.apply_bf16(isa, &(start..start + length), places, &mut scratch).unwrap();
        }
    });
    let mut times: Vec<f64> = (0..rounds).map(|_| seconds(&mut job)).collect();
    times.sort_by(f64::total_cmp);
    times[rounds / 2] * 1e9 / TOKENS as f64
}

/// Paths that binary32 has.
fn paths(isa: Isa) -> impl Iterator<Item = Isa> {
    [Level::Portable, Level::Avx2, Level::Avx512]
        .into_iter()
        .filter(move |&level| isa.has(level))
        .map(move |level| isa.at_most(level))
}

/// As [`attention`], in binary32.
fn attention_f32(isa: Isa, length: usize, rounds: usize) -> f64 {
    let heads = Heads { count: 12, key_values: 12, size: 32 };
    let reach = Reach { before: usize::MAX, after: usize::MAX };
    let attention = Attention { heads, scale: 0.2, reach, bias: None };
    let (qkv, mut context) = (noise(TOKENS * heads.row()), vec![0.0; TOKENS * heads.query_width()]);
    let mut room = AttentionRoom::default();
    room.reserve(isa, heads, length).unwrap();
    let mut job: Job = Box::new(move || {
        let contexts = black_box(&mut context).chunks_mut(length * heads.query_width());
        for (qkv, context) in qkv.chunks(length * heads.row()).zip(contexts) {
            attention.apply(isa, (length, qkv), context, &mut room).unwrap();
        }
    });
    let mut times: Vec<f64> = (0..rounds).map(|_| seconds(&mut job)).collect();
    times.sort_by(f64::total_cmp);
    times[rounds / 2] * 1e9 / TOKENS as f64
}

/// The seconds of one call, over as many as take about a hundredth of a second.
fn seconds(job: &mut Job) -> f64 {
    job();
    let start = now();
    let mut calls = 0;
    while now() - start < 0.01 {
        job();
        calls += 1;
    }
    (now() - start) / f64::from(calls)
}

#[cfg(unix)]
fn now() -> f64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    time.tv_sec() as f64 + time.tv_nsec() as f64 * 1e-9
}

#[cfg(not(unix))]
fn now() -> f64 {
    use std::sync::LazyLock;
    static START: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    START.elapsed().as_secs_f64()
}

fn jobs(isa: Isa, rows: usize, input: usize, output: usize) -> Vec<(String, Job)> {
    let weight = noise(input * output);
    let (x, bias) = (noise(rows * input), noise(output));
    let mut tiles = TileRows::new();
    tiles.reset(rows, input).unwrap();
    tiles.write(isa, 0, &x);
    let bf16 = Bf16Linear::new(isa, &weight, &bias, input).unwrap();
    let mut jobs: Vec<(String, Job)> = Vec::new();
    for isa in paths(isa) {
        for (name, function) in [("", Function::Identity), (" with gelu", Function::Gelu)] {
            let linear = Linear::new(isa, &weight, &bias, input).unwrap();
            let (x, mut y) = (x.clone(), vec![0.0; rows * output]);
            let job = move || linear.apply(&x, gemm::Output::Rows(function, black_box(&mut y))).unwrap();
            jobs.push((format!("f32 {}{name}", isa.level()), Box::new(job)));
        }
    }
    let mut y = vec![0.0; rows * output];
    let (linear, x) = (bf16.clone(), tiles.clone());
    let sum_job = move || linear.apply(x.view(), Output::Sum(black_box(&mut y))).unwrap();
    jobs.push(("bf16 added to f32".to_owned(), Box::new(sum_job)));
    for (name, function) in [("bf16 to bf16", Function::Identity), ("bf16 with gelu", Function::Gelu)] {
        let (linear, x) = (bf16.clone(), tiles.clone());
        let mut y = TileRows::new();
        y.reset(rows, output).unwrap();
        let job = move || linear.apply(x.view(), Output::Tiles(function, black_box(&mut y))).unwrap();
        jobs.push((name.to_owned(), Box::new(job)));
    }
    jobs.extend(byte_jobs(isa, (rows, input, output), &weight, &bias));
    jobs
}

fn byte_jobs(
    isa: Isa,
    (rows, input, output): (usize, usize, usize),
    weight: &[f32],
    bias: &[f32],
) -> Vec<(String, Job)> {
    let linear = Int8Linear::new(isa, weight, bias, input).unwrap();
    let mut x = ByteRows::new();
    x.reset(rows, input).unwrap();
    x.write(isa, 0, &noise(rows * input));
    let mut y = vec![0.0; rows * output];
    let (map, bytes) = (linear.clone(), x.clone());
    let sum_job = move || map.apply(bytes.view(), Output::Sum(black_box(&mut y))).unwrap();
    let mut jobs: Vec<(String, Job)> = vec![("int8 added to f32".to_owned(), Box::new(sum_job))];
    for (name, function) in [("int8 to bf16", Function::Identity), ("int8 with gelu", Function::Gelu)] {
        let (map, bytes) = (linear.clone(), x.clone());
        let mut y = TileRows::new();
        y.reset(rows, output).unwrap();
        let job = move || map.apply(bytes.view(), Output::Tiles(function, black_box(&mut y))).unwrap();
        jobs.push((name.to_owned(), Box::new(job)));
    }
    let mut words = TileRows::new();
    words.reset(rows, input).unwrap();
    words.write(isa, 0, &noise(rows * input));
    let job = move || x.write_tiles(isa, black_box(&words), &(0..rows));
    jobs.push(("bf16 to int8, as if a product".to_owned(), Box::new(job)));
    jobs
}

fn noise(length: usize) -> Vec<f32> {
    (0..length).map(|i| ((i * 7919) % 2003) as f32 / 1000.0 - 1.0).collect()
}
