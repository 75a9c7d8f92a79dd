//! Which rows come out, and of which tokens.

use mbed_core::{BackendError, Batch, Embeddings, Session, SpanSupport, Token};

use super::reference::expected;
use super::steps::{batch_of, embed, embed_into, rows, selection};
use crate::{Bench, Failure};

/// The longest sequence that is tried: attention takes memory by the square of the length, and some of the tiny
/// models have positions for 8192 tokens.
const LONGEST_TRIED: usize = 1024;

/// Several spans on one sequence, sequences in mixed order, one without a row, one at its end.
pub(super) fn rows_follow_spans(bench: &Bench) -> Result<(), Failure> {
    let mut session = bench.open()?;
    let sequences = selection(&bench.sequences);
    if session.capabilities().spans == SpanSupport::WholeSequence {
        return partial_spans_are_refused(bench, session.as_mut(), &sequences);
    }
    let mut batch = Batch::new();
    for tokens in &sequences {
        batch.push_unpooled(tokens);
    }
    batch.push_unpooled(sequences.first().map(Vec::as_slice).unwrap_or_default());
    for sequence in (0..sequences.len()).rev() {
        let length = batch.range(sequence).map_or(0, |range| range.len());
        for span in [length / 2..length, 0..length, 0..length.div_ceil(3), length / 3..length / 3 + 1] {
            batch.push_span(sequence, span)?;
        }
        batch.push_span(0, 0..1)?;
    }
    let got = embed(session.as_mut(), &batch)?;
    bench.tolerance.check(&got, &expected(bench, &batch)?)?;
    Ok(())
}

fn partial_spans_are_refused(
    bench: &Bench,
    session: &mut dyn Session,
    sequences: &[Vec<Token>],
) -> Result<(), Failure> {
    let whole = batch_of(sequences);
    let before = embed(session, &whole)?;
    bench.tolerance.check(&before, &expected(bench, &whole)?)?;
    let mut partial = batch_of(sequences);
    partial.push_span(0, 0..1)?;
    match session.embed(&partial, &mut Embeddings::new()) {
        Err(BackendError::SpansUnsupported { .. }) => {}
        other => return Err(Failure::new(format!("a second row of a sequence gave {other:?}"))),
    }
    let after = embed(session, &whole)?;
    bench.same(session.capabilities(), &after, &before)
}

/// Also where the buffer held something, and where there are sequences and nothing is pooled of them.
pub(super) fn an_empty_batch_is_no_rows(bench: &Bench) -> Result<(), Failure> {
    let mut session = bench.open()?;
    let mut output = Embeddings::new();
    output.reset(3, 5);
    embed_into(session.as_mut(), &Batch::new(), &mut output)?;
    if session.capabilities().spans == SpanSupport::Any {
        let mut unpooled = Batch::new();
        for tokens in selection(&bench.sequences) {
            unpooled.push_unpooled(&tokens);
        }
        embed_into(session.as_mut(), &unpooled, &mut output)?;
    }
    Ok(())
}

/// Of a sequence without tokens, and of no tokens of a sequence.
pub(super) fn an_empty_span_is_zeros(bench: &Bench) -> Result<(), Failure> {
    let mut session = bench.open()?;
    let mut batch = Batch::new();
    for tokens in selection(&bench.sequences) {
        batch.push(&tokens);
        batch.push(&[]);
    }
    if session.capabilities().spans == SpanSupport::Any {
        let length = batch.range(0).map_or(0, |range| range.len());
        batch.push_span(0, 0..0)?;
        batch.push_span(0, length..length)?;
    }
    let got = embed(session.as_mut(), &batch)?;
    bench.tolerance.check(&got, &expected(bench, &batch)?)?;
    let mut alone = Batch::new();
    alone.push(&[]);
    let got_alone = embed(session.as_mut(), &alone)?;
    bench.same(session.capabilities(), &got_alone, &rows(&got, [1]))
}

pub(super) fn a_single_token_is_a_sequence(bench: &Bench) -> Result<(), Failure> {
    let mut session = bench.open()?;
    let first = selection(&bench.sequences).into_iter().flatten().take(1).collect::<Vec<_>>();
    let batch = batch_of([&first]);
    let got = embed(session.as_mut(), &batch)?;
    bench.tolerance.check(&got, &expected(bench, &batch)?)?;
    Ok(())
}

/// As long as [`Capabilities::max_tokens`](mbed_core::Capabilities::max_tokens), alone and among short ones.
pub(super) fn the_longest_sequence_is_taken(bench: &Bench) -> Result<(), Failure> {
    let mut session = bench.open()?;
    let length = session.capabilities().max_tokens.min(LONGEST_TRIED);
    let sequences = selection(&bench.sequences);
    let longest: Vec<Token> = sequences.iter().flatten().copied().cycle().take(length).collect();
    let alone = embed(session.as_mut(), &batch_of([&longest]))?;
    bench.tolerance.check(&alone, &expected(bench, &batch_of([&longest]))?)?;
    let among = batch_of(sequences.iter().chain([&longest]));
    let among = embed(session.as_mut(), &among)?;
    bench.same(session.capabilities(), &rows(&among, [sequences.len()]), &alone)
}
