//! How fast texts are cut, beside the `text-splitter` crate on the same texts.
//!
//! `cargo bench -p mbed-text --bench chunkers -- [--rounds N] FILE...`: each file is one document, cut to at most 1,000
//! characters. One row of JSON a splitter and file, the fastest of the rounds. One thread. What embeds sentences here is
//! as good as free, so that the rest of the semantic strategies shows; `benches/chunkers/compare.py` measures them with a
//! model, and Python's libraries beside all of this.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement: it prints, and stops where it cannot go on"
)]

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mbed_core::Embeddings;
use mbed_core::settings::Threshold;
use mbed_text::chunk::{
    CharacterChunker, Chunker, HierarchicalChunker, HybridChunker, MarkdownChunker, RecursiveChunker,
    SemanticChunker, SentenceVectors, Sizes,
};
use text_splitter::{MarkdownSplitter, TextSplitter};

const SIZE: usize = 1000;
const ROUNDS: usize = 3;

fn main() {
    // `cargo bench` adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench").peekable();
    let rounds = match arguments.peek().map(String::as_str) {
        Some("--rounds") => arguments.nth(1).unwrap().parse().unwrap(),
        _ => ROUNDS,
    };
    for path in arguments {
        let text = std::fs::read_to_string(&path).unwrap();
        for (name, chunker) in chunkers() {
            measure(&format!("mbed {name}"), &path, &text, rounds, || chunker.chunk(&text).unwrap().len());
        }
        let (plain, markdown) = (TextSplitter::new(SIZE), MarkdownSplitter::new(SIZE));
        measure("text-splitter text", &path, &text, rounds, || plain.chunk_indices(&text).count());
        measure("text-splitter markdown", &path, &text, rounds, || markdown.chunk_indices(&text).count());
    }
}

fn chunkers() -> Vec<(&'static str, Box<dyn Chunker>)> {
    let sizes = || Sizes::characters(NonZeroUsize::new(SIZE).unwrap(), 0).unwrap();
    let levels = [4 * SIZE, SIZE].map(|size| NonZeroUsize::new(size).unwrap()).to_vec();
    let semantic = || SemanticChunker::new(sizes(), Threshold::default(), 1, Arc::new(Lengths));
    vec![
        ("character", Box::new(CharacterChunker::new(sizes()))),
        ("recursive", Box::new(RecursiveChunker::new(sizes()))),
        ("markdown", Box::new(MarkdownChunker::new(sizes()))),
        ("hierarchical", Box::new(HierarchicalChunker::new(sizes(), levels).unwrap())),
        ("semantic without a model", Box::new(semantic())),
        ("hybrid without a model", Box::new(HybridChunker::new(sizes(), Some(semantic())))),
    ]
}

/// A vector that tells how long a sentence is.
struct Lengths;

impl SentenceVectors for Lengths {
    fn vectors(&self, texts: &[&str]) -> Result<Embeddings, Box<dyn std::error::Error + Send + Sync>> {
        let mut vectors = Embeddings::new();
        vectors.reset(texts.len(), 2);
        for (row, text) in texts.iter().enumerate() {
            vectors.get_mut(row).unwrap().copy_from_slice(&[1.0, text.len() as f32 / 100.0]);
        }
        Ok(vectors)
    }
}

fn measure(splitter: &str, path: &str, text: &str, rounds: usize, mut cut: impl FnMut() -> usize) {
    let mut fastest = Duration::MAX;
    let mut chunks = 0;
    for _ in 0..rounds {
        let started = Instant::now();
        chunks = black_box(cut());
        fastest = fastest.min(started.elapsed());
    }
    let seconds = fastest.as_secs_f64();
    let name = std::path::Path::new(path).file_name().unwrap().to_string_lossy().into_owned();
    let row = serde_json::json!({
        "splitter": splitter, "text": name, "megabytes": text.len() as f64 / 1e6, "chunks": chunks,
        "seconds": seconds, "chunks_per_s": chunks as f64 / seconds,
        "megabytes_per_s": text.len() as f64 / 1e6 / seconds,
    });
    println!("{row}");
}
