//! Every way in which a run can end early: with the right error, without a hang, with nothing half written.

use std::time::Duration;
use std::{io, thread};

use mbed_core::BackendError;
use mbed_engine::{Cancel, EngineError, RunError};
use mbed_tests::fake::{FakeOptions, Hook, Mishap};

use crate::support::{Outcome, Setup, TestSink, TestSource, ends, texts, told};

/// More windows than the stages hold at a time.
const WINDOWS: usize = 12;

fn windows() -> Vec<Vec<String>> {
    (0..WINDOWS).map(|_| texts(8, 10)).collect()
}

/// A run in which something goes wrong at the calls named, in batches of two rows.
fn run_with(mishaps: &[(usize, Mishap)], sessions: usize) -> Outcome {
    let fake = FakeOptions { mishaps: mishaps.to_vec(), ..FakeOptions::default() };
    let setup = Setup { fake, sessions, budget: 20, ..Setup::default() };
    setup.run(TestSource::new(windows()), TestSink::new())
}

fn engine_error(outcome: Outcome) -> EngineError {
    match outcome.result {
        Err(RunError::Engine(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// What a failure of the session at call 9, in window 2 of those with 4 batches each, leaves behind.
fn check_left_behind(outcome: &Outcome) {
    let written = outcome.check_written(&windows());
    assert!(written <= 2, "{written} windows were written, the third could not be computed");
    assert!(outcome.read < WINDOWS, "the source was read to its end");
    assert!(outcome.cancelled, "a source that waits would not hear of the end");
}

#[test]
fn a_source_that_fails_ends_the_run_after_what_it_gave() {
    for sessions in [1, 3] {
        let source =
            TestSource::with_step(windows(), |window| if window == 5 { Err(told()) } else { Ok(()) });
        let outcome = Setup { sessions, ..Setup::default() }.run(source, TestSink::new());
        assert_eq!((outcome.check_written(&windows()), outcome.read), (5, 5));
        let Err(RunError::Read(error)) = outcome.result else { panic!("{:?}", outcome.result) };
        assert_eq!(error.to_string(), told().to_string());
    }
}

#[test]
fn a_sink_that_fails_ends_the_run_and_is_not_called_again() {
    for sessions in [1, 3] {
        let mut has_failed = false;
        let sink = TestSink::with_step(move |window| {
            assert!(!has_failed, "called again after an error");
            has_failed = window == 3;
            if has_failed { Err(told()) } else { Ok(()) }
        });
        let outcome = Setup { sessions, ..Setup::default() }.run(TestSource::new(windows()), sink);
        assert_eq!(outcome.check_written(&windows()), 3);
        assert!(outcome.read < WINDOWS && outcome.cancelled);
        let Err(RunError::Write(error)) = outcome.result else { panic!("{:?}", outcome.result) };
        assert_eq!(error.to_string(), told().to_string());
    }
}

#[test]
fn a_session_that_fails_ends_the_run_and_the_batch_is_named() {
    for sessions in [1, 3] {
        for mishap in [Mishap::Failed, Mishap::DeviceLost] {
            // Others take over from a device that is lost: `losses.rs`.
            if mishap == Mishap::DeviceLost && sessions > 1 {
                continue;
            }
            let outcome = run_with(&[(9, mishap)], sessions);
            check_left_behind(&outcome);
            let error = engine_error(outcome);
            let EngineError::Compute { row, source } = &error else { panic!("{error:?}") };
            // With one session calls come in order: call 9 is the second batch of window 2.
            assert!(sessions > 1 || row == "row 2 of window 2", "{row}");
            match mishap {
                Mishap::Failed => assert!(matches!(source, BackendError::Failed { .. }), "{source:?}"),
                _ => assert!(matches!(source, BackendError::DeviceLost { .. }), "{source:?}"),
            }
        }
    }
}

#[test]
fn a_session_that_returns_something_else_than_was_asked_for_ends_the_run() {
    for sessions in [1, 3] {
        for (mishap, got) in [(Mishap::MissingRow, 1), (Mishap::ExtraRow, 3)] {
            let outcome = run_with(&[(9, mishap)], sessions);
            check_left_behind(&outcome);
            let error = engine_error(outcome);
            let EngineError::WrongRowCount { expected: 2, got: found } = error else { panic!("{error:?}") };
            assert_eq!(found, got);
        }
        let outcome = run_with(&[(9, Mishap::ShortVectors)], sessions);
        check_left_behind(&outcome);
        let error = engine_error(outcome);
        assert!(matches!(error, EngineError::WrongDimensions { expected: 4, got: 3 }), "{error:?}");
    }
}

#[test]
fn few_texts_are_checked_like_many() {
    let embed = |mishap| {
        let fake = FakeOptions { mishaps: vec![(0, mishap)], ..FakeOptions::default() };
        ends(move || Setup { fake, ..Setup::default() }.engine().0.embed(&texts(3, 4)).unwrap_err())
    };
    let error = embed(Mishap::MissingRow);
    assert!(matches!(error, EngineError::WrongRowCount { expected: 3, got: 2 }), "{error:?}");
    let error = embed(Mishap::ExtraRow);
    assert!(matches!(error, EngineError::WrongRowCount { expected: 3, got: 4 }), "{error:?}");
    let error = embed(Mishap::ShortVectors);
    assert!(matches!(error, EngineError::WrongDimensions { expected: 4, got: 3 }), "{error:?}");
    let error = embed(Mishap::Failed);
    let EngineError::Compute { row, source: BackendError::Failed { .. } } = error else {
        panic!("{error:?}")
    };
    assert_eq!(row, "text 0");
}

#[test]
fn a_session_that_panics_ends_the_run() {
    // The others wait for work that never comes while the planner waits for the collector.
    for sessions in [1, 2, 3] {
        for call in [0, 9, WINDOWS * 4 - 1] {
            let outcome = run_with(&[(call, Mishap::Panic)], sessions);
            assert!(outcome.check_written(&windows()) <= call / 4);
            let error = engine_error(outcome);
            assert!(matches!(error, EngineError::WorkerLost), "{error:?}");
        }
    }
}

#[test]
fn a_cancelled_run_says_so_and_writes_nothing_more() {
    let cancel = Cancel::new();
    cancel.cancel();
    let outcome = Setup::default().run_with(TestSource::new(windows()), TestSink::new(), cancel);
    assert_eq!((outcome.read, outcome.written.len()), (0, 0), "cancelled before it began");
    assert!(matches!(engine_error(outcome), EngineError::Cancelled));

    let cancel = Cancel::new();
    let from_sink = cancel.clone();
    let sink = TestSink::with_step(move |window| {
        if window == 3 {
            from_sink.cancel();
        }
        Ok(())
    });
    let outcome = Setup::default().run_with(TestSource::new(windows()), sink, cancel);
    assert_eq!(outcome.check_written(&windows()), 4, "the window at hand is finished");
    assert!(matches!(engine_error(outcome), EngineError::Cancelled));

    let cancel = Cancel::new();
    let from_session = cancel.clone();
    let hook = Hook::new(move |_| from_session.cancel());
    let fake = FakeOptions { hook: Some(hook), ..FakeOptions::default() };
    let setup = Setup { fake, sessions: 2, ..Setup::default() };
    let outcome = setup.run_with(TestSource::new(windows()), TestSink::new(), cancel);
    assert!(outcome.read < WINDOWS);
    assert!(matches!(engine_error(outcome), EngineError::Cancelled));
}

#[test]
fn a_source_that_ends_because_of_the_cancel_does_not_end_the_run_well() {
    // The source waits for input as one of standard input does, and stops when it hears of the cancel.
    for _ in 0..10 {
        let cancel = Cancel::new();
        let (heard, wish) = (cancel.clone(), cancel.clone());
        let mut given = windows();
        given.truncate(3);
        let source = TestSource::with_step(given, move |window| {
            while window == 3 && !heard.is_cancelled() {
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        let canceller = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            wish.cancel();
        });
        let outcome = Setup::default().run_with(source, TestSink::new(), cancel);
        canceller.join().unwrap();
        assert!(matches!(engine_error(outcome), EngineError::Cancelled));
    }
}

#[test]
fn an_engine_goes_on_after_a_failed_run() {
    // The first run makes at least three calls and at most all of its own, so the second one gets to the panic.
    const CALLS: usize = WINDOWS * 4;
    let fake = FakeOptions {
        mishaps: vec![(2, Mishap::Failed), (CALLS + 2, Mishap::Panic)],
        ..FakeOptions::default()
    };
    let setup = Setup { fake, sessions: 2, budget: 20, ..Setup::default() };
    ends(move || {
        let (mut engine, _) = setup.engine();
        let mut run = || {
            let (mut source, mut sink) = (TestSource::new(windows()), TestSink::new());
            engine.run(&mut source, &mut sink, &mbed_core::Silent, &Cancel::new())
        };
        let mut failures = 0;
        let stats = loop {
            match run() {
                Ok(stats) => break stats,
                Err(RunError::<io::Error, io::Error>::Engine(_)) => failures += 1,
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!((failures, stats.rows), (2, 8 * WINDOWS as u64));
    });
}
