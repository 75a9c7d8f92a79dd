//! Running out of memory, and not holding more of it than a few windows.

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use mbed_core::BackendError;
use mbed_core::settings::BatchingSettings;
use mbed_engine::{EngineError, RunError};
use mbed_tests::fake::{FakeOptions, Mishap};

use crate::support::{Setup, TestSink, TestSource, ends, text, texts, vector};

/// A fake with room for so many tokens.
fn room_for(tokens: usize) -> FakeOptions {
    FakeOptions { capacity: Some(tokens), ..FakeOptions::default() }
}

#[test]
fn a_batch_that_does_not_fit_is_halved_down_to_single_rows() {
    // Batches of 6 rows of 10 tokens; of those, so many fit together.
    for (capacity, rows_that_fit) in [(10, 1), (29, 2), (30, 3), (60, 6)] {
        for sessions in [1, 2] {
            let windows = vec![texts(12, 10), texts(7, 10)];
            let setup = Setup { fake: room_for(capacity), sessions, budget: 60, ..Setup::default() };
            let outcome = setup.run(TestSource::new(windows.clone()), TestSink::new());
            assert_eq!(outcome.check_written(&windows), 2, "no row is lost");
            let stats = outcome.result.unwrap();
            let calls = outcome.log.batches();
            let too_large = calls.iter().filter(|call| call.tokens() > capacity).count();
            assert_eq!(stats.splits, too_large as u64, "room for {capacity}");
            assert_eq!(stats.batches, (calls.len() - too_large) as u64);
            assert_eq!(outcome.log.trims(), too_large, "memory is given back before each second try");
            assert_eq!(too_large == 0, rows_that_fit == 6);
            let largest = calls.iter().filter(|call| call.tokens() <= capacity).map(|call| call.rows).max();
            assert!(largest.unwrap() <= rows_that_fit);
            assert_eq!((stats.rows, stats.tokens), (19, 190), "what was tried twice counts once");
        }
    }
}

#[test]
fn memory_that_runs_out_once_costs_one_split() {
    let fake = FakeOptions { mishaps: vec![(1, Mishap::OutOfMemory)], ..FakeOptions::default() };
    let windows = vec![texts(12, 10)];
    let setup = Setup { fake, budget: 60, ..Setup::default() };
    let outcome = setup.run(TestSource::new(windows.clone()), TestSink::new());
    assert_eq!(outcome.check_written(&windows), 1);
    let rows: Vec<usize> = outcome.log.batches().iter().map(|call| call.rows).collect();
    assert_eq!(rows, [6, 6, 3, 3]);
    assert_eq!(outcome.result.unwrap().splits, 1);
}

#[test]
fn a_batch_is_halved_no_more_often_than_allowed() {
    // A batch of 8 rows of 10 tokens with room for one row: three halvings are enough, two are not.
    for (max_retries, fits) in [(3, true), (2, false), (0, false)] {
        let windows = vec![texts(8, 10)];
        let setup = Setup { fake: room_for(10), budget: 80, max_retries, ..Setup::default() };
        let outcome = setup.run(TestSource::new(windows.clone()), TestSink::new());
        assert_eq!(outcome.check_written(&windows), usize::from(fits));
        let tried: Vec<usize> = outcome.log.batches().iter().map(|call| call.rows).collect();
        match outcome.result {
            Ok(stats) => assert_eq!(stats.splits, 7),
            Err(RunError::Engine(EngineError::Compute {
                source: BackendError::OutOfMemory { .. }, ..
            })) => {
                assert_eq!(tried, [8, 4, 2][..=max_retries as usize]);
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn a_batch_is_not_halved_below_the_fewest_rows() {
    let batching =
        BatchingSettings { min_rows: NonZeroUsize::new(3).unwrap(), ..BatchingSettings::default() };
    let windows = vec![texts(8, 10)];
    for (capacity, fits) in [(40, true), (30, false)] {
        let setup = Setup { fake: room_for(capacity), budget: 80, batching, ..Setup::default() };
        let outcome = setup.run(TestSource::new(windows.clone()), TestSink::new());
        assert_eq!(outcome.check_written(&windows), usize::from(fits));
        let tried: Vec<usize> = outcome.log.batches().iter().map(|call| call.rows).collect();
        assert_eq!(tried, if fits { vec![8, 4, 4] } else { vec![8, 4] });
    }
}

#[test]
fn rows_bound_a_batch_as_tokens_do() {
    let count = NonZeroUsize::new;
    for (batch_size, max_rows, most) in [(count(3), count(5), 3), (None, count(5), 5), (None, None, 10)] {
        let batching = BatchingSettings { batch_size, max_rows, ..BatchingSettings::default() };
        let windows = vec![texts(10, 2)];
        let setup = Setup { budget: 1000, batching, ..Setup::default() };
        let outcome = setup.run(TestSource::new(windows.clone()), TestSink::new());
        assert_eq!(outcome.check_written(&windows), 1);
        assert_eq!(outcome.log.batches().iter().map(|call| call.rows).max(), Some(most));
    }
}

#[test]
fn a_single_row_that_does_not_fit_is_named() {
    let mut window = texts(9, 4);
    window[5] = text(5, 11);
    let windows = vec![texts(4, 4), window];
    let setup = Setup { fake: room_for(10), ..Setup::default() };
    let outcome = setup.clone().run(TestSource::new(windows.clone()), TestSink::new());
    assert!(outcome.check_written(&windows) <= 1);
    let error = outcome.result.unwrap_err();
    let RunError::Engine(EngineError::Compute { row, source }) = &error else { panic!("{error:?}") };
    assert_eq!(row, "row 5 of window 1");
    assert!(matches!(source, BackendError::OutOfMemory { .. }), "{source:?}");
    let error = ends(move || setup.engine().0.embed(&windows[1]).unwrap_err());
    let EngineError::Compute { row, source: BackendError::OutOfMemory { .. } } = error else {
        panic!("{error:?}")
    };
    assert_eq!(row, "text 5");
}

#[test]
fn texts_in_memory_are_halved_too() {
    let setup = Setup { fake: room_for(25), budget: 1000, ..Setup::default() };
    let (vectors, splits) = ends(move || {
        let (mut engine, log) = setup.engine();
        let vectors = engine.embed(&texts(20, 10)).unwrap();
        (vectors, log.batches().iter().filter(|call| call.tokens() > 25).count())
    });
    assert!(vectors.iter().eq(texts(20, 10).iter().map(|text| vector(text))));
    assert!(splits > 0);
}

#[test]
fn a_slow_sink_does_not_let_memory_grow() {
    for sessions in [1, 3] {
        let windows: Vec<Vec<String>> = (0..60).map(|window| texts(window % 5, 3)).collect();
        let source = TestSource::new(windows.clone());
        let most_alive = source.most_alive();
        let sink = TestSink::with_step(|_| {
            thread::sleep(Duration::from_millis(2));
            Ok(())
        });
        let outcome = Setup { sessions, ..Setup::default() }.run(source, sink);
        assert_eq!(outcome.check_written(&windows), 60);
        // One in each stage and in each channel make five, one more while a worker lets go of its last.
        let most = most_alive.load(Ordering::SeqCst);
        assert!((2..=6).contains(&most), "{most} windows at a time");
    }
}

#[test]
fn a_slow_session_does_not_let_memory_grow() {
    let fake = FakeOptions { delay: Duration::from_millis(2), ..FakeOptions::default() };
    let windows: Vec<Vec<String>> = (0..60).map(|_| texts(2, 3)).collect();
    let source = TestSource::new(windows.clone());
    let most_alive = source.most_alive();
    let outcome = Setup { fake, ..Setup::default() }.run(source, TestSink::new());
    assert_eq!(outcome.check_written(&windows), 60);
    let most = most_alive.load(Ordering::SeqCst);
    assert!((2..=6).contains(&most), "{most} windows at a time");
}
