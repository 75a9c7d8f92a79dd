//! Vectors against those of sentence-transformers.

use mbed_core::{Batch, Embeddings, Session};
use mbed_text::Encoded;

use super::steps::{embed, stack};
use crate::bench::KnownVectors;
use crate::{Bench, Failure};

pub(super) fn one_at_a_time(bench: &Bench) -> Result<(), Failure> {
    check(bench, known(bench.goldens.plain.as_ref())?, 1).map(drop)
}

pub(super) fn in_one_batch(bench: &Bench) -> Result<(), Failure> {
    check(bench, known(bench.goldens.plain.as_ref())?, usize::MAX).map(drop)
}

/// One at a time, then in one batch.
pub(super) fn with_a_prompt(bench: &Bench) -> Result<(), Failure> {
    let known = known(bench.goldens.prompted.as_ref())?;
    check(bench, known, 1)?;
    check(bench, known, usize::MAX).map(drop)
}

/// The largest difference from all of a bench's known vectors, see [`largest_difference`](crate::largest_difference).
///
/// # Errors
/// A vector is further from its known one than the bench tolerates, or the session fails.
pub fn golden_difference(bench: &Bench) -> Result<f32, Failure> {
    let known = [&bench.goldens.plain, &bench.goldens.prompted];
    let mut largest = 0.0_f32;
    for known in known.into_iter().flatten() {
        largest = largest.max(check(bench, known, 1)?).max(check(bench, known, usize::MAX)?);
    }
    Ok(largest)
}

fn known(known: Option<&KnownVectors>) -> Result<&KnownVectors, Failure> {
    known.ok_or_else(|| Failure::new("the bench has no known vectors of this kind"))
}

fn check(bench: &Bench, known: &KnownVectors, batch_rows: usize) -> Result<f32, Failure> {
    let mut session = bench.open()?;
    let got = vectors(session.as_mut(), &known.encoded, batch_rows)?;
    Ok(bench.tolerance.check(&got, &known.vectors)?)
}

fn vectors(session: &mut dyn Session, encoded: &[Encoded], batch_rows: usize) -> Result<Embeddings, Failure> {
    let mut vectors = Vec::new();
    for part in encoded.chunks(batch_rows.min(encoded.len()).max(1)) {
        let mut batch = Batch::new();
        for text in part {
            let sequence = batch.push_unpooled(&text.tokens);
            batch.push_span(sequence, text.pooled.clone())?;
        }
        vectors.extend(embed(session, &batch)?.iter().map(<[f32]>::to_vec));
    }
    Ok(stack(vectors))
}
