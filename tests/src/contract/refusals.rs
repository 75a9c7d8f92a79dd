//! What must be refused, and how.

use mbed_core::{BackendError, Batch, Embeddings, ModelSource, Precision, PrecisionChoice, Token};

use super::steps::{batch_of, embed, rows, selection};
use crate::{Bench, Failure};

/// Tokens outside the tables and sequences that are too long, each behind a good sequence.
pub(super) fn bad_batches_are_refused(bench: &Bench) -> Result<(), Failure> {
    let mut session = bench.open()?;
    let sequences = selection(&bench.sequences);
    let good = batch_of(&sequences);
    let before = embed(session.as_mut(), &good)?;
    let limit = session.capabilities().max_tokens;
    let token = sequences.iter().flatten().next().copied().unwrap_or(Token { id: 0, type_id: 0 });
    let vocabulary = u32::try_from(bench.vocabulary)?;
    let bad = [
        vec![token, Token { id: vocabulary, ..token }],
        vec![Token { id: u32::MAX, ..token }, token],
        vec![token, Token { type_id: first_bad_segment(bench)?, ..token }],
        vec![Token { type_id: u32::MAX, ..token }],
        vec![token; limit + 1],
    ];
    for tokens in &bad {
        let last = tokens.last().copied().unwrap_or(token);
        let action = format!("{} tokens, the last {last:?}", tokens.len());
        let batch = batch_of([&sequences[0], tokens]);
        let result = session.embed(&batch, &mut Embeddings::new());
        check_refusal(result, tokens, (bench, limit)).map_err(|failure| failure.during(&action))?;
        let after = embed(session.as_mut(), &good)?;
        let same = bench.same(session.capabilities(), &after, &before);
        same.map_err(|failure| failure.during(&format!("after {action}")))?;
    }
    Ok(())
}

/// The first segment number that has no row. A model without a spec tells no number, so there it is one that no
/// table has.
fn first_bad_segment(bench: &Bench) -> Result<u32, Failure> {
    match &bench.source {
        ModelSource::Spec { spec, .. } => Ok(u32::try_from(spec.embedding.segments.max(1))?),
        ModelSource::Graph(model) => Ok(u32::try_from(model.segments.max(1))?),
        _ => Ok(u32::MAX),
    }
}

/// The error must name the second sequence, what is wrong with it, and the limit.
fn check_refusal(
    result: Result<(), BackendError>,
    tokens: &[Token],
    (bench, most_tokens): (&Bench, usize),
) -> Result<(), Failure> {
    let is_right = match &result {
        Err(BackendError::SequenceTooLong { sequence: 1, tokens: got, limit }) => {
            *got == tokens.len() && *limit == most_tokens && tokens.len() > most_tokens
        }
        Err(BackendError::TokenOutOfRange { kind: "token id", value, limit, sequence: 1 }) => {
            *limit == bench.vocabulary
                && *value as usize >= *limit
                && tokens.iter().any(|token| token.id == *value)
        }
        Err(BackendError::TokenOutOfRange { kind: "type id", value, limit, sequence: 1 }) => {
            *value as usize >= *limit && tokens.iter().any(|token| token.type_id == *value)
        }
        _ => false,
    };
    if is_right { Ok(()) } else { Err(Failure::new(format!("gave {result:?}"))) }
}

/// Twice over: a second failure must not find what a first left behind.
pub(super) fn out_of_memory_leaves_the_session_usable(bench: &Bench) -> Result<(), Failure> {
    let Some(capacity) = bench.capacity else {
        return Err(Failure::new("the bench tells no capacity"));
    };
    let mut session = bench.open()?;
    let fitting = batch_of(&selection(&bench.sequences));
    let before = embed(session.as_mut(), &fitting)?;
    let longest = bench.sequences.iter().max_by_key(|tokens| tokens.len());
    let longest = longest.filter(|tokens| !tokens.is_empty()).ok_or_else(|| Failure::new("no sequences"))?;
    let mut large = Batch::new();
    while large.tokens() <= capacity {
        large.push(longest);
    }
    for _ in 0..2 {
        match session.embed(&large, &mut Embeddings::new()) {
            Err(BackendError::OutOfMemory { device, requested, .. })
                if device == session.capabilities().device && requested.get() > 0 => {}
            other => return Err(Failure::new(format!("{} tokens gave {other:?}", large.tokens()))),
        }
        let after = embed(session.as_mut(), &fitting)?;
        bench.same(session.capabilities(), &after, &before)?;
        let first = embed(session.as_mut(), &batch_of(selection(&bench.sequences).first()))?;
        bench.same(session.capabilities(), &first, &rows(&before, [0]))?;
    }
    Ok(())
}

/// The device and precision that were asked for, and the length of the model's vectors.
pub(super) fn capabilities_tell_what_was_opened(bench: &Bench) -> Result<(), Failure> {
    let session = bench.open()?;
    let capabilities = session.capabilities();
    let device = mbed_core::DeviceId::new(bench.backend.name(), bench.device);
    if capabilities.device != device || capabilities.precision != bench.precision {
        return Err(Failure::new(format!("asked for {device} in {}, got {capabilities:?}", bench.precision)));
    }
    let expected = bench.goldens.plain.as_ref().map(|known| known.vectors.dimensions());
    let longest = bench.sequences.iter().map(Vec::len).max().unwrap_or(0);
    if expected.is_some_and(|expected| expected != capabilities.dimensions)
        || capabilities.max_tokens < longest
    {
        return Err(Failure::new(format!(
            "expected {expected:?} dimensions and room for {longest} tokens, got {capabilities:?}"
        )));
    }
    Ok(())
}

/// The device after the last, and every precision that no device names: by name, never replaced.
pub(super) fn what_is_not_there_is_refused(bench: &Bench) -> Result<(), Failure> {
    let probe = bench.backend.probe();
    let absent = u32::try_from(probe.devices().len())?;
    match open(bench, Some(absent), bench.precision) {
        Err(BackendError::NoSuchDevice { backend, index, .. })
            if backend == bench.backend.name() && index == absent => {}
        other => return Err(Failure::new(format!("device {absent} gave {other:?}"))),
    }
    let device = probe.devices().iter().find(|device| device.id.index == bench.device);
    let known = device.map(|device| device.precisions.clone()).unwrap_or_default();
    for precision in Precision::ALL.into_iter().filter(|precision| !known.contains(precision)) {
        match open(bench, Some(bench.device), precision) {
            Err(BackendError::UnsupportedPrecision { precision: named, supported, .. })
                if named == precision && supported == known => {}
            other => return Err(Failure::new(format!("precision {precision} gave {other:?}"))),
        }
    }
    Ok(())
}

/// What an opened session can do, in place of the session, which cannot be shown.
fn open(
    bench: &Bench,
    device: Option<u32>,
    precision: Precision,
) -> Result<mbed_core::Capabilities, BackendError> {
    let request = bench.request().with_device(device).with_precision(PrecisionChoice::Exactly(precision));
    bench.backend.open(request).map(|session| session.capabilities().clone())
}

/// For a model that the backend does not run: it must say so, and say which architecture it is.
///
/// # Errors
/// It opens the model, or gives another error.
pub fn refusal_names_the_architecture(bench: &Bench, architecture: &str) -> Result<(), Failure> {
    match open(bench, Some(bench.device), bench.precision) {
        Err(BackendError::UnsupportedModel { backend, reason })
            if backend == bench.backend.name() && reason.contains(&format!("`{architecture}`")) =>
        {
            Ok(())
        }
        other => Err(Failure::new(format!("a model of the architecture `{architecture}` gave {other:?}"))),
    }
}
