//! Devices that are lost while others compute.

use mbed_core::BackendError;
use mbed_engine::{EngineError, RunError};
use mbed_tests::fake::{FakeOptions, Mishap};

use crate::support::{Outcome, Reopening, Setup, TestSink, TestSource, ends, texts};

const WINDOWS: usize = 12;

fn windows() -> Vec<Vec<String>> {
    (0..WINDOWS).map(|_| texts(8, 10)).collect()
}

/// A run in batches of two rows, in which devices are lost at these calls.
fn run(losses: &[usize], sessions: usize, reopening: Reopening) -> Outcome {
    let mishaps = losses.iter().map(|&call| (call, Mishap::DeviceLost)).collect();
    let fake = FakeOptions { mishaps, ..FakeOptions::default() };
    Setup { fake, sessions, budget: 20, reopening, ..Setup::default() }
        .run(TestSource::new(windows()), TestSink::new())
}

fn check_whole(outcome: &Outcome, reopened: u64, lost: u64) {
    assert_eq!(outcome.check_written(&windows()), WINDOWS);
    let stats = outcome.result.as_ref().unwrap();
    assert_eq!((stats.reopened_sessions, stats.lost_sessions), (reopened, lost));
    assert_eq!(stats.rows, 8 * WINDOWS as u64, "no row is counted twice");
}

#[test]
fn the_batch_of_a_lost_device_is_computed_by_another() {
    check_whole(&run(&[9], 2, Reopening::Never), 0, 1);
    check_whole(&run(&[0, 1, 30], 4, Reopening::Never), 0, 3);
    // The last batch of all, when nothing is left to cut.
    check_whole(&run(&[4 * WINDOWS - 1], 3, Reopening::Never), 0, 1);
}

#[test]
fn a_session_that_is_taken_out_is_given_nothing_more() {
    let outcome = run(&[9], 3, Reopening::Never);
    let batches = outcome.log.batches();
    let lost = batches[9].session;
    assert!(batches[10..].iter().all(|batch| batch.session != lost), "{batches:?}");
}

#[test]
fn the_last_device_takes_the_run_with_it() {
    for losses in [&[5, 6, 7][..], &[0, 1, 2]] {
        let outcome = run(losses, 3, Reopening::Never);
        let Err(RunError::Engine(EngineError::Compute { source, .. })) = &outcome.result else {
            panic!("{:?}", outcome.result)
        };
        assert!(matches!(source, BackendError::DeviceLost { .. }), "{source:?}");
        assert!(outcome.cancelled && outcome.check_written(&windows()) < WINDOWS);
    }
}

#[test]
fn a_lost_session_is_opened_anew_and_goes_on_with_its_batch() {
    check_whole(&run(&[9, 20], 1, Reopening::Always), 2, 0);
    check_whole(&run(&[9], 3, Reopening::Always), 1, 0);
}

#[test]
fn a_device_that_is_lost_again_and_again_is_taken_out() {
    // Three times it is opened anew, and lost at once each time.
    check_whole(&run(&[], 2, Reopening::Always), 0, 0);
    let outcome = run(&[3, 4, 5, 6], 1, Reopening::Always);
    assert!(
        matches!(outcome.result, Err(RunError::Engine(EngineError::Compute { .. }))),
        "{:?}",
        outcome.result
    );
    check_whole(&run(&[9], 2, Reopening::Fails), 0, 1);
}

#[test]
fn few_texts_are_computed_by_another_session_too() {
    let embed = |sessions, reopening| {
        let mishaps = vec![(0, Mishap::DeviceLost)];
        let fake = FakeOptions { mishaps, ..FakeOptions::default() };
        let setup = Setup { fake, sessions, reopening, ..Setup::default() };
        ends(move || setup.engine().0.embed(&texts(3, 4)).map(|vectors| vectors.rows()))
    };
    assert_eq!(embed(2, Reopening::Never).unwrap(), 3);
    assert_eq!(embed(1, Reopening::Always).unwrap(), 3);
    assert!(embed(1, Reopening::Never).is_err());
}
