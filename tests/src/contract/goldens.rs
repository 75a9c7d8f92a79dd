//! Vectors against those of sentence-transformers.

use mbed_core::{Batch, Embeddings, Session};
use mbed_text::Encoded;

use super::steps::{embed, stack};
use crate::bench::KnownVectors;
use crate::{Bench, Failure};

pub(super) fn one_at_a_time(bench: &Bench) -> Result<(), Failure> {
    check(bench, known(bench.goldens.plain.as_ref())?, 1)
}

pub(super) fn in_one_batch(bench: &Bench) -> Result<(), Failure> {
    check(bench, known(bench.goldens.plain.as_ref())?, usize::MAX)
}

/// One at a time, then in one batch.
pub(super) fn with_a_prompt(bench: &Bench) -> Result<(), Failure> {
    let known = known(bench.goldens.prompted.as_ref())?;
    check(bench, known, 1)?;
    check(bench, known, usize::MAX)
}

fn known(known: Option<&KnownVectors>) -> Result<&KnownVectors, Failure> {
    known.ok_or_else(|| Failure::new("the bench has no known vectors of this kind"))
}

fn check(bench: &Bench, known: &KnownVectors, batch_rows: usize) -> Result<(), Failure> {
    let mut session = bench.open()?;
    let got = vectors(session.as_mut(), &known.encoded, batch_rows)?;
    bench.tolerance.check(&got, &known.vectors)?;
    Ok(())
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
