//! Reading, computing and writing at the same time: proven by stages that wait for each other, not by the clock.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use mbed_tests::fake::{FakeOptions, Hook};

use crate::support::{Setup, TestSink, TestSource, told};

/// How long a stage waits for another. Only a run without overlap waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What has begun, told to all stages.
#[derive(Clone, Default)]
struct Milestones(Arc<Reached>);

#[derive(Default)]
struct Reached {
    milestones: Mutex<BTreeSet<(Stage, usize)>>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Read,
    Compute,
    Write,
}

impl Milestones {
    /// Tells that a stage has begun with a window.
    fn reach(&self, stage: Stage, window: usize) {
        self.0.milestones.lock().unwrap().insert((stage, window));
        self.0.changed.notify_all();
    }

    /// Waits until a stage has begun with a window.
    fn wait(&self, stage: Stage, window: usize) -> io::Result<()> {
        let milestones = self.0.milestones.lock().unwrap();
        let missing = |reached: &mut BTreeSet<(Stage, usize)>| !reached.contains(&(stage, window));
        let (_guard, waited) = self.0.changed.wait_timeout_while(milestones, PATIENCE, missing).unwrap();
        if waited.timed_out() { Err(told()) } else { Ok(()) }
    }
}

/// Windows of one row, whose only token is the number of the window.
fn windows(count: usize) -> Vec<Vec<String>> {
    (0..count).map(|window| vec![window.to_string()]).collect()
}

#[test]
fn reading_computing_and_writing_overlap() {
    let milestones = Milestones::default();
    let reading = milestones.clone();
    let source = TestSource::with_step(windows(8), move |window| {
        reading.reach(Stage::Read, window);
        Ok(())
    });
    let computing = milestones.clone();
    let hook = Hook::new(move |batch| {
        let window = batch.ids()[0] as usize;
        computing.reach(Stage::Compute, window);
        // The window before is being written and the next one read, while this one is at work.
        if window > 0 && window < 7 {
            computing.wait(Stage::Write, window - 1).unwrap();
            computing.wait(Stage::Read, window + 1).unwrap();
        }
    });
    let sink = TestSink::with_step(move |window| {
        milestones.reach(Stage::Write, window);
        if window < 7 { milestones.wait(Stage::Compute, window + 1) } else { Ok(()) }
    });
    let fake = FakeOptions { hook: Some(hook), ..FakeOptions::default() };
    let outcome = Setup { fake, ..Setup::default() }.run(source, sink);
    assert_eq!(outcome.result.as_ref().unwrap().rows, 8);
    assert_eq!(outcome.check_written(&windows(8)), 8);
}

#[test]
fn sessions_compute_at_the_same_time() {
    let milestones = Milestones::default();
    // Two batches of one row each, and neither ends before the other has begun.
    let hook = Hook::new(move |batch| {
        let row = batch.ids()[0] as usize;
        milestones.reach(Stage::Compute, row);
        milestones.wait(Stage::Compute, 1 - row).unwrap();
    });
    let fake = FakeOptions { hook: Some(hook), ..FakeOptions::default() };
    let rows = vec![vec!["0".to_owned(), "1".to_owned()]];
    let setup = Setup { fake, sessions: 2, budget: 1, ..Setup::default() };
    let outcome = setup.run(TestSource::new(rows.clone()), TestSink::new());
    assert_eq!(outcome.check_written(&rows), 1);
    let mut sessions: Vec<usize> = outcome.log.batches().iter().map(|call| call.session).collect();
    sessions.sort_unstable();
    assert_eq!(sessions, [0, 1]);
}
