//! Row i of the output belongs to text i of the input, whatever is in between.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use mbed_core::settings::Overflow;
use mbed_core::spec::PositionSpec;
use mbed_core::{Backend, BatchLayout, ModelSource, OpenRequest, Progress, Task};
use mbed_engine::{Cancel, Engine, EngineError, Finish, Rescale, RunError};
use mbed_tests::fake::{self, FakeBackend, FakeOptions};
use proptest::prelude::*;

use crate::support::{MAX_TOKENS, Setup, TestSink, TestSource, encoder, ends, text, texts, vector};

/// Windows of texts by their lengths; longer ones than [`MAX_TOKENS`] are truncated.
fn windows(lengths: &[Vec<usize>]) -> Vec<Vec<String>> {
    let mut seed = 0;
    let mut next = |&tokens: &usize| {
        seed += 1;
        text(seed, tokens)
    };
    lengths.iter().map(|window| window.iter().map(&mut next).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn rows_keep_their_order(
        lengths in prop::collection::vec(prop::collection::vec(0_usize..20, 0..40), 0..7),
        budget in 1_usize..100,
        sessions in 1_usize..4,
        padded in any::<bool>(),
        capacity in prop::option::of(MAX_TOKENS..64),
    ) {
        let layout = if padded { BatchLayout::Padded } else { BatchLayout::Packed };
        let fake = FakeOptions { layout, capacity, ..FakeOptions::default() };
        let windows = windows(&lengths);
        let source = TestSource::new(windows.clone());
        let outcome = Setup { fake, sessions, budget, ..Setup::default() }.run(source, TestSink::new());
        prop_assert_eq!(outcome.check_written(&windows), windows.len());
        let stats = outcome.result.unwrap();
        let rows: Vec<usize> = lengths.concat();
        let kept: usize = rows.iter().map(|&length| length.min(MAX_TOKENS)).sum();
        prop_assert_eq!((stats.rows, stats.tokens), (rows.len() as u64, kept as u64));
        let truncated = rows.iter().filter(|&&length| length > MAX_TOKENS).count();
        prop_assert_eq!(stats.truncated_rows, truncated as u64);
        let calls = outcome.log.batches();
        prop_assert_eq!(stats.batches + stats.splits, calls.len() as u64);
        for call in &calls {
            let longest = call.lengths.iter().max().copied().unwrap_or(0);
            let places = layout.places(call.rows, call.tokens(), longest);
            prop_assert!(places <= budget || call.rows == 1, "{:?} over {}", call, budget);
        }
    }
}

#[test]
fn texts_in_memory_keep_their_order() {
    // Few enough for the calling thread, just as many, one more, and several windows.
    for rows in [0, 1, 7, 256, 257, 9000] {
        for sessions in [1, 3] {
            let (results, expected) = ends(move || {
                let texts: Vec<String> = (0..rows).map(|row| text(row, row * 5 % 18)).collect();
                let (mut engine, _) = Setup { sessions, ..Setup::default() }.engine();
                let vectors = engine.embed(&texts).unwrap();
                let expected: Vec<Vec<f32>> = texts.iter().map(|text| vector(text)).collect();
                (vectors, expected)
            });
            assert_eq!((results.rows(), results.dimensions()), (rows, fake::DIMENSIONS));
            assert!(results.iter().eq(expected.iter().map(Vec::as_slice)), "{rows} rows");
        }
    }
}

#[test]
fn nothing_in_is_nothing_out() {
    let outcome = Setup::default().run(TestSource::new(vec![]), TestSink::new());
    let stats = outcome.result.unwrap();
    assert_eq!((stats.rows, stats.batches, outcome.written.len()), (0, 0, 0));
    assert!(outcome.log.batches().is_empty());
}

#[test]
fn windows_without_rows_are_written_too() {
    let windows = vec![vec![], texts(3, 4), vec![], vec![], texts(1, 2), vec![]];
    let outcome = Setup::default().run(TestSource::new(windows.clone()), TestSink::new());
    assert_eq!(outcome.result.as_ref().unwrap().rows, 4);
    assert_eq!(outcome.check_written(&windows), windows.len());
}

#[test]
fn truncated_rows_are_counted_and_keep_their_first_tokens() {
    let windows = vec![vec![text(1, MAX_TOKENS), text(2, MAX_TOKENS + 1)], vec![text(3, 400), text(4, 1)]];
    let outcome = Setup::default().run(TestSource::new(windows.clone()), TestSink::new());
    let stats = outcome.result.as_ref().unwrap();
    assert_eq!((stats.truncated_rows, stats.tokens), (2, 3 * MAX_TOKENS as u64 + 1));
    assert_eq!(outcome.check_written(&windows), 2);
}

#[test]
fn a_row_that_may_not_be_truncated_is_named() {
    let setup = || Setup { overflow: Overflow::Error, ..Setup::default() };
    let windows = vec![texts(3, MAX_TOKENS), vec![text(1, 4), text(2, MAX_TOKENS + 1)]];
    let outcome = setup().run(TestSource::new(windows.clone()), TestSink::new());
    assert_eq!(outcome.check_written(&windows), 1, "the window before it is whole");
    let error = outcome.result.unwrap_err();
    let RunError::Engine(EngineError::TextTooLong { row, limit }) = &error else { panic!("{error:?}") };
    assert_eq!((row.as_str(), *limit), ("row 1 of window 1", MAX_TOKENS));
    assert_eq!(error.to_string(), "the text of row 1 of window 1 has more than 16 tokens");
    let result = ends(move || setup().engine().0.embed(&[text(1, 4), text(2, 17)]));
    assert_eq!(result.unwrap_err().to_string(), "the text of text 1 has more than 16 tokens");
}

#[test]
fn shortened_vectors_come_out_as_asked() {
    let check = |dimensions: usize, rescale, expected: &dyn Fn(&[f32]) -> Vec<f32>| {
        let finish = Finish { dimensions: NonZeroUsize::new(dimensions), rescale };
        // Few texts go another way than many.
        for rows in [3, 300] {
            let (vectors, told) = ends(move || {
                let (mut engine, _) = Setup { finish, ..Setup::default() }.engine();
                (engine.embed(&texts(rows, 5)).unwrap(), engine.dimensions())
            });
            assert_eq!((vectors.rows(), vectors.dimensions(), told), (rows, dimensions, dimensions));
            for (text, got) in texts(rows, 5).iter().zip(vectors.iter()) {
                assert_eq!(got, expected(&vector(text)), "{text}");
            }
        }
    };
    check(2, Rescale::Keep, &|vector| vector[..2].to_vec());
    check(4, Rescale::ToUnitLength, &<[f32]>::to_vec);
    check(2, Rescale::ToUnitLength, &|vector| {
        let length = f64::from(vector[0]).hypot(f64::from(vector[1]));
        vector[..2].iter().map(|&value| (f64::from(value) / length) as f32).collect()
    });
}

/// The error of an engine over sessions of this model.
fn refused(source: &ModelSource, sessions: usize, finish: Finish) -> EngineError {
    let backend = FakeBackend::default();
    let open = |_| backend.open(OpenRequest::new(source.clone())).unwrap();
    let sessions = (0..sessions).map(open).collect();
    Engine::new(sessions, encoder(), Setup { finish, ..Setup::default() }.options()).unwrap_err()
}

#[test]
fn impossible_engines_are_refused() {
    let source = fake::source();
    assert!(matches!(refused(&source, 0, Finish::default()), EngineError::NoSession));
    let finish = Finish { dimensions: NonZeroUsize::new(5), rescale: Rescale::Keep };
    let error = refused(&source, 2, finish);
    assert!(matches!(error, EngineError::TooManyDimensions { asked: 5, available: 4 }), "{error:?}");
    let mut short = source;
    if let ModelSource::Spec { spec, .. } = &mut short {
        spec.position = PositionSpec::learned(MAX_TOKENS - 1);
    }
    let error = refused(&short, 1, Finish::default());
    assert!(matches!(error, EngineError::SessionTooShort { tokens: 16, limit: 15 }), "{error:?}");
}

/// Adds up what it hears.
#[derive(Default)]
struct Sum {
    rows: AtomicU64,
    tokens: AtomicU64,
}

impl Progress for Sum {
    fn begin(&self, _task: &Task, _total: Option<u64>) {}

    fn advance(&self, amount: u64, tokens: u64) {
        self.rows.fetch_add(amount, Ordering::Relaxed);
        self.tokens.fetch_add(tokens, Ordering::Relaxed);
    }

    fn end(&self) {}
}

#[test]
fn progress_hears_of_every_row_and_token() {
    let heard = ends(|| {
        let (mut engine, _) = Setup { sessions: 2, ..Setup::default() }.engine();
        let mut source = TestSource::new(vec![texts(30, 5), texts(11, 2)]);
        let progress = Sum::default();
        engine.run(&mut source, &mut TestSink::new(), &progress, &Cancel::new()).unwrap();
        (progress.rows.into_inner(), progress.tokens.into_inner())
    });
    assert_eq!(heard, (41, 30 * 5 + 11 * 2));
}
