//! The vectors of sentence-transformers, on the committed tiny models.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::{Fixture, embed};

/// The bound on the largest absolute difference, divided by the golden's largest magnitude where that exceeds 1.
const TOLERANCE: f32 = 2e-5;

/// Embeds the golden texts one at a time and all in one batch, with the prompt too where there is one.
fn check(name: &str) {
    let fixture = Fixture::load(name);
    let mut session = fixture.open().unwrap();
    let mut cases = vec![("golden.npy", String::new())];
    cases.extend(fixture.prompt().map(|prompt| ("golden.prompt.npy", prompt)));
    for (file, prompt) in cases {
        let golden = fixture.golden(file);
        let sequences = fixture.tokens(&prompt);
        for batch_size in [1, sequences.len()] {
            let vectors = embed(session.as_mut(), &sequences, batch_size);
            let difference = difference(&vectors, &golden);
            assert!(difference <= TOLERANCE, "{name}/{file}, {batch_size} in a batch: {difference:e}");
        }
    }
}

fn difference(vectors: &[Vec<f32>], golden: &[Vec<f32>]) -> f32 {
    assert_eq!(vectors.len(), golden.len());
    let pairs = vectors.iter().zip(golden).flat_map(|(vector, golden)| {
        assert_eq!(vector.len(), golden.len());
        vector.iter().zip(golden)
    });
    // `f32::max` passes over what is not a number; this does not.
    let largest = |largest: f32, value: f32| if value <= largest { largest } else { value };
    let differences = pairs.map(|(value, golden)| (value - golden).abs());
    let magnitude = golden.iter().flatten().map(|value| value.abs()).fold(1.0, largest);
    differences.fold(0.0, largest) / magnitude
}

#[test]
fn bert_with_mean_pooling() {
    check("bert-mean");
}

#[test]
fn bert_with_cls_pooling_and_a_dense_stage() {
    check("bert-cls-dense");
}

#[test]
fn bert_with_max_pooling_and_no_normalising() {
    check("bert-max-raw");
}

#[test]
fn deberta_with_ranges_of_distances() {
    check("deberta-v2-mean");
}

#[test]
fn deberta_with_positions_and_distances() {
    check("deberta-v2-cls");
}
