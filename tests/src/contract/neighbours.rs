//! What must not change a vector.

use std::num::NonZeroUsize;

use mbed_core::Embeddings;

use super::steps::{batch_of, embed, embed_into, rows, selection, stack};
use crate::{Bench, Failure};

/// Every sequence alone, all in one batch, in reverse order, and in batches of a few sizes.
pub(super) fn neighbours_do_not_matter(bench: &Bench) -> Result<(), Failure> {
    let mut session = bench.open()?;
    let sequences = &bench.sequences;
    let mut alone = Vec::new();
    for tokens in sequences {
        let vector = embed(session.as_mut(), &batch_of([tokens]))?;
        alone.extend(vector.iter().map(<[f32]>::to_vec));
    }
    let alone = stack(alone);
    let together = embed(session.as_mut(), &batch_of(sequences))?;
    bench
        .same(session.capabilities(), &together, &alone)
        .map_err(|failure| failure.during("in one batch"))?;
    let reversed = embed(session.as_mut(), &batch_of(sequences.iter().rev()))?;
    let reversed = rows(&reversed, (0..sequences.len()).rev());
    bench.same(session.capabilities(), &reversed, &alone).map_err(|failure| failure.during("in reverse"))?;
    for size in [2, 3, 7] {
        let mut parts = Vec::new();
        for part in sequences.chunks(size) {
            parts.extend(embed(session.as_mut(), &batch_of(part))?.iter().map(<[f32]>::to_vec));
        }
        let same = bench.same(session.capabilities(), &stack(parts), &alone);
        same.map_err(|failure| failure.during(&format!("in batches of {size}")))?;
    }
    Ok(())
}

/// One thread, two, and three, which divides no batch evenly.
pub(super) fn threads_do_not_matter(bench: &Bench) -> Result<(), Failure> {
    let batch = batch_of(&bench.sequences);
    let mut first: Option<Embeddings> = None;
    for threads in [1, 2, 3].into_iter().filter_map(NonZeroUsize::new) {
        let mut session = bench.open_with_threads(threads)?;
        let got = embed(session.as_mut(), &batch)?;
        match &first {
            Some(first) => {
                let same = bench.same(session.capabilities(), &got, first);
                same.map_err(|failure| failure.during(&format!("with {threads} threads")))?;
            }
            None => first = Some(got),
        }
    }
    Ok(())
}

/// A buffer that held more rows, fewer, or longer ones.
pub(super) fn old_output_is_forgotten(bench: &Bench) -> Result<(), Failure> {
    let mut session = bench.open()?;
    let sequences = selection(&bench.sequences);
    let batch = batch_of(&sequences);
    let fresh = embed(session.as_mut(), &batch)?;
    let dimensions = session.capabilities().dimensions;
    for (rows, dimensions) in
        [(1, dimensions), (sequences.len() * 3, dimensions), (2, dimensions * 2 + 1), (5, 1), (0, 0)]
    {
        let mut reused = Embeddings::new();
        reused.reset(rows, dimensions);
        reused.values_mut().fill(f32::NAN);
        embed_into(session.as_mut(), &batch, &mut reused)?;
        bench.same(session.capabilities(), &reused, &fresh)?;
    }
    Ok(())
}

/// Warming up, trimming and asking for memory, before and between batches.
pub(super) fn housekeeping_changes_no_vector(bench: &Bench) -> Result<(), Failure> {
    let batch = batch_of(&selection(&bench.sequences));
    let mut session = bench.open()?;
    let capabilities = session.capabilities().clone();
    let untouched = embed(session.as_mut(), &batch)?;
    let mut session = bench.open()?;
    session.trim();
    session.warm_up()?;
    for _ in 0..2 {
        let before = session.memory();
        let got = embed(session.as_mut(), &batch)?;
        bench.same(&capabilities, &got, &untouched)?;
        session.trim();
        session.warm_up()?;
        let after = session.memory();
        if before.weights != after.weights {
            return Err(Failure::new(format!("weights took up {before:?}, and now {after:?}")));
        }
    }
    if *session.capabilities() != capabilities {
        return Err(Failure::new(format!("{capabilities:?} became {:?}", session.capabilities())));
    }
    Ok(())
}
