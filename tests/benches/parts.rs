//! The parts around a forward pass: planning batches, cutting documents, committing units.
//!
//! `cargo bench -p mbed-tests --bench parts` prints medians and what others of 100 samples took. A fake session makes vectors,
//! so that what counts is everything else. Kernels and tokenising have benches in their own crates.

#![expect(clippy::unwrap_used, reason = "a measurement stops where it cannot go on")]

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use mbed_core::settings::{BatchingSettings, ChunkingSettings, ChunkingStrategy, Overflow};
use mbed_core::{Backend as _, OpenRequest, Silent};
use mbed_engine::{Cancel, Engine, EngineOptions, Finish};
use mbed_pipeline::bulk::{Begun, Identity, Job, LocalDisk, Pause, Unwatched, Watchers};
use mbed_pipeline::{ReadOptions, plan_inputs};
use mbed_tests::fake::{self, FakeBackend, FakeOptions};
use mbed_text::chunk::{ChunkingParts, chunker};

/// The most tokens of a text.
const MAX_TOKENS: usize = 64;

fn main() {
    divan::main();
}

fn engine() -> Engine {
    let session = FakeBackend::new(FakeOptions::default()).open(OpenRequest::new(fake::source())).unwrap();
    let (threads, finish, batching) = (NonZeroUsize::MIN, Finish::default(), BatchingSettings::default());
    let options = EngineOptions { batching, finish, max_retries: 0, overflow: Overflow::Truncate, threads };
    Engine::new(vec![session], fake::encoder(MAX_TOKENS), options).unwrap()
}

/// Numbers, which the fake's tokenizer takes for tokens: texts of 1 to 48 of them.
fn texts(count: usize) -> Vec<String> {
    let text = |row: usize| {
        let words: Vec<String> =
            (0..row * 7919 % 48 + 1).map(|word| ((row + word) % 50).to_string()).collect();
        words.join(" ")
    };
    (0..count).map(text).collect()
}

/// Windows, sorting, cutting batches, and vectors back in order; tokens of the smallest tokenizer there is are in it.
#[divan::bench(args = [256, 4096])]
fn planning(bencher: Bencher<'_, '_>, rows: usize) {
    let (mut engine, texts) = (engine(), texts(rows));
    bencher.counter(ItemsCount::new(rows)).bench_local(|| engine.embed(black_box(&texts)).unwrap().rows());
}

#[divan::bench(args = ["character", "recursive", "markdown"])]
fn chunking(bencher: Bencher<'_, '_>, strategy: &str) {
    let section = "# The harbour\n\nThe bridge near the harbour is old. It was built of stone, and it still stands.\n\n";
    let document = section.repeat(500);
    let settings = ChunkingSettings {
        strategy: match strategy {
            "character" => ChunkingStrategy::Character,
            "recursive" => ChunkingStrategy::Recursive,
            _ => ChunkingStrategy::Markdown,
        },
        size: Some("1000c".parse().unwrap()),
        ..ChunkingSettings::default()
    };
    let chunker = chunker(&settings, &ChunkingParts::default()).unwrap().unwrap();
    bencher
        .counter(BytesCount::of_str(&document))
        .bench_local(|| chunker.chunk(black_box(&document)).unwrap().len());
}

/// A job of 512 records in units of so many: shards, their names and lines in the journal, all on the disk.
#[divan::bench(args = [16, 128, 512], sample_count = 10)]
fn checkpoints(bencher: Bencher<'_, '_>, unit: usize) {
    const RECORDS: usize = 512;
    let place = tempfile::tempdir().unwrap();
    let input = place.path().join("texts.txt");
    std::fs::write(&input, texts(RECORDS).join("\n")).unwrap();
    let mut engine = engine();
    let mut number = 0;
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        number += 1;
        job(&place.path().join(number.to_string()), &input, unit, &mut engine);
    });
}

fn job(folder: &Path, input: &Path, unit: usize, engine: &mut Engine) {
    let plan = plan_inputs(&[input.to_owned()], None).unwrap();
    let mut job = Job::new(folder.to_owned(), plan, ReadOptions::default());
    job.options.unit_records = NonZeroUsize::new(unit);
    job.disk = Arc::new(LocalDisk);
    let Begun::Ready(ready) = job.begin().unwrap() else { return };
    let stop = Cancel::new();
    let pause = Pause::new();
    let watchers = Watchers { progress: &Silent, watch: &Unwatched, stop: &stop, pause: &pause };
    ready.run(engine, Identity::new(), None, watchers).unwrap();
}
