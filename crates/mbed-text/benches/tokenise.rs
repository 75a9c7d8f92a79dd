//! How fast texts become tokens, beside the tokenizers library alone.
//!
//! `cargo bench -p mbed-text -- TOKENIZER.JSON [TEXTS.TXT ...]`: each line of a file is a text. Without arguments a
//! small tokenizer of the fixtures reads generated text. One thread; both read each block of texts in turn, and
//! of each block the fastest round counts, so that what else the machine does falls on neither.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement: it prints, and stops where it cannot go on"
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mbed_core::{PromptPooling, Prompts, SpecialTokens, TextCase, TextSpec};
use mbed_text::{TextEncoder, TextOptions};
use tokenizers::{Tokenizer, TruncationParams};

/// The maximum length of common sentence embedders.
const MAX_TOKENS: usize = 256;
const ROUNDS: usize = 3;
/// Texts of one timed block: at most a few milliseconds, less than a scheduler's slice.
const BLOCK: usize = 32;
const GENERATED_TEXTS: usize = 2000;

fn main() {
    // `cargo bench` adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/bert-mean/tokenizer.json");
    let file = std::fs::read(arguments.next().map_or(fixture, Into::into)).unwrap();
    let encoder = encoder(&file);
    let library = library(&file);
    println!(
        "{:<24} {:>9} {:>12} {:>10} {:>12} {:>10} {:>7}",
        "texts", "bytes", "texts/s", "MB/s", "library", "MB/s", "times"
    );
    measure("generated", &generated(), &encoder, &library);
    for path in arguments {
        let texts: Vec<String> = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        let name = Path::new(&path).file_name().unwrap().to_string_lossy().into_owned();
        measure(&name, &texts, &encoder, &library);
    }
}

fn encoder(file: &[u8]) -> TextEncoder {
    let spec = TextSpec {
        tokenizer: Arc::from(file),
        origin: "tokenizer.json".to_owned(),
        max_tokens: MAX_TOKENS,
        positions: MAX_TOKENS,
        vocabulary: usize::MAX,
        case: TextCase::Keep,
        prompts: Prompts { named: Vec::new(), default: None },
        prompt_pooling: PromptPooling::Included,
        special_tokens: SpecialTokens::Added,
    };
    let started = Instant::now();
    let encoder = TextEncoder::new(&spec, &TextOptions::default()).unwrap();
    println!("encoder made in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    encoder
}

fn library(file: &[u8]) -> Tokenizer {
    let started = Instant::now();
    let mut tokenizer = Tokenizer::from_bytes(file).unwrap();
    println!("library's tokenizer made in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    tokenizer.with_padding(None);
    let truncation = TruncationParams { max_length: MAX_TOKENS, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).unwrap();
    tokenizer
}

/// Texts of words with a length and a spelling that a fixed sequence of numbers decides.
fn generated() -> Vec<String> {
    const SYLLABLES: [&str; 12] =
        ["be", "con", "ti", "der", "ing", "lo", "mes", "un", "re", "sta", "the", "or"];
    let mut state = 1_u64;
    let mut next = |below: usize| {
        // Knuth's MMIX generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut text = |words: usize| {
        let mut text = String::new();
        for _ in 0..words {
            (0..=next(3)).for_each(|_| text.push_str(SYLLABLES[next(SYLLABLES.len())]));
            text.push_str([" ", " ", " ", " ", ", ", ". "][next(6)]);
        }
        text
    };
    (0..GENERATED_TEXTS).map(|number| text(8 + number % 60)).collect()
}

fn measure(name: &str, texts: &[String], encoder: &TextEncoder, library: &Tokenizer) {
    let bytes: usize = texts.iter().map(String::len).sum();
    let mut sums = [Duration::ZERO; 2];
    for block in texts.chunks(BLOCK) {
        let mut fastest = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            let ours = time(|| block.iter().map(|text| encoder.encode(text).unwrap().tokens.len()).sum());
            let theirs = time(|| {
                block.iter().map(|text| library.encode_fast(text.as_str(), true).unwrap().len()).sum()
            });
            fastest = [fastest[0].min(ours), fastest[1].min(theirs)];
        }
        sums = [sums[0] + fastest[0], sums[1] + fastest[1]];
    }
    let [ours, theirs] = sums.map(|time| time.as_secs_f64());
    let texts = texts.len() as f64;
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{name:<24} {bytes:>9} {:>12.0} {:>10.1} {:>12.0} {:>10.1} {:>7.1}",
        texts / ours,
        megabytes / ours,
        texts / theirs,
        megabytes / theirs,
        theirs / ours
    );
}

fn time(work: impl FnOnce() -> usize) -> Duration {
    let started = Instant::now();
    black_box(work());
    started.elapsed()
}
