//! A management library that is there and broken: what is told, and that the rest goes on.
//!
//! Libraries are built for each trial, by the compiler for C with which Rust links. Where there is none, as where tests
//! were built elsewhere, trials show as ignored.

#![expect(clippy::unwrap_used, reason = "these are tests: what does not work is a failure")]

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use mbed_core::{Bytes, Hint};
use mbed_monitor::{GpuProcess, GpuSample, Gpus, Host, MonitorError, Sampler};
use tempfile::TempDir;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broken_library/nvml.c");

type Case = (&'static str, fn() -> Result<(), Failed>);

const CASES: [Case; 6] = [
    ("one_that_works_is_heard", one_that_works_is_heard),
    ("one_that_does_not_begin_is_an_error", one_that_does_not_begin_is_an_error),
    ("a_lost_card_does_not_hide_the_others", a_lost_card_does_not_hide_the_others),
    ("calls_that_fail_are_faults_of_the_card", calls_that_fail_are_faults_of_the_card),
    ("figures_that_cannot_be_are_left_out_and_told", figures_that_cannot_be_are_left_out_and_told),
    ("samples_come_whatever_it_does", samples_come_whatever_it_does),
];

fn main() {
    let has_compiler =
        Command::new("cc").arg("--version").output().is_ok_and(|output| output.status.success());
    let trial = |(name, case): Case| match has_compiler {
        true => Trial::test(name, case),
        false => Trial::test(format!("{name} (no compiler for C)"), || Ok(())).with_ignored_flag(true),
    };
    libtest_mimic::run(&Arguments::from_args(), CASES.map(trial).into()).exit();
}

/// Builds a library that is broken in this way.
fn built(how: &str) -> Result<(TempDir, PathBuf), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("libnvidia-ml.so.1");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&path).arg(format!("-D{how}")).arg(SOURCE);
    let output = compiler.output()?;
    match output.status.success() {
        true => Ok((folder, path)),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}

/// The cards that it tells of.
fn cards(how: &str) -> Result<Vec<GpuSample>, Failed> {
    let (_folder, path) = built(how)?;
    Ok(Gpus::from_file(path.as_os_str())?.sample())
}

fn one_that_works_is_heard() -> Result<(), Failed> {
    let cards = cards("WHOLE")?;
    assert_eq!(cards.iter().map(|card| card.index).collect::<Vec<_>>(), [0, 1]);
    for card in cards {
        assert_eq!(card.faults, [""; 0]);
        assert_eq!(card.name.as_deref(), Some("AB"));
        assert_eq!(card.uuid.as_deref(), Some("U1"));
        assert_eq!((card.memory_used, card.memory_total), (Some(Bytes::new(400)), Some(Bytes::new(1000))));
        assert_eq!((card.memory_free, card.memory_reserved), (Some(Bytes::new(500)), Some(Bytes::new(100))));
        assert_eq!((card.busy, card.celsius), (Some(0.5), Some(60)));
        assert_eq!((card.watts, card.watts_limit), (Some(70.0), Some(80.0)));
        assert_eq!((card.clock_mhz, card.memory_clock_mhz), (Some(1500), Some(1500)));
        assert_eq!(card.throttled_by, ["sw_thermal_slowdown"]);
        assert_eq!(card.processes, [GpuProcess { pid: 7, memory: Some(Bytes::new(300)) }]);
    }
    Ok(())
}

fn one_that_does_not_begin_is_an_error() -> Result<(), Failed> {
    for how in ["EMPTY", "NO_DRIVER", "STRANGE_CODE", "NO_SHUTDOWN", "NO_COUNT", "MANY"] {
        let (_folder, path) = built(how)?;
        let error = Gpus::from_file(path.as_os_str()).unwrap_err();
        match &error {
            MonitorError::TooManyCards { count } => assert_eq!((how, *count), ("MANY", u32::MAX)),
            MonitorError::BrokenLibrary { .. } => assert_ne!(how, "MANY"),
            other => return Err(format!("{how}: {other:?}").into()),
        }
        assert!(error.hint().unwrap().contains("nvidia-smi"), "{how}: {error:?}");
    }
    Ok(())
}

fn a_lost_card_does_not_hide_the_others() -> Result<(), Failed> {
    let cards = cards("LOST")?;
    let names: Vec<Option<&str>> = cards.iter().map(|card| card.name.as_deref()).collect();
    assert_eq!(names, [Some("AB"), None]);
    assert_eq!(cards[0].faults, [""; 0]);
    let [fault] = &cards[1].faults[..] else { return Err(format!("{cards:?}").into()) };
    assert!(fault.starts_with("card: ") && fault.contains("fell off the bus"), "{fault}");
    assert_eq!(cards[1].index, 1);
    Ok(())
}

fn calls_that_fail_are_faults_of_the_card() -> Result<(), Failed> {
    let asked =
        ["memory", "use", "temperature", "power", "power limit", "clock", "memory clock", "throttling"];
    for (how, words) in [("FAILING", "an internal driver error occurred"), ("BARE", "symbol")] {
        for card in cards(how)? {
            let nothing =
                (card.name, card.memory_total, card.memory_used, card.busy, card.celsius, card.watts);
            assert_eq!(nothing, (None, None, None, None, None, None), "{how}");
            assert!(card.throttled_by.is_empty() && card.processes.is_empty(), "{how}");
            for what in asked.into_iter().chain(["name", "UUID", "processes"]) {
                let told = card.faults.iter().filter(|fault| fault.starts_with(&format!("{what}: "))).count();
                assert_eq!(told, 1, "{how}, {what}: {:?}", card.faults);
            }
            assert!(card.faults.iter().all(|fault| fault.contains(words)), "{:?}", card.faults);
        }
    }
    Ok(())
}

fn figures_that_cannot_be_are_left_out_and_told() -> Result<(), Failed> {
    for card in cards("GARBAGE")? {
        let figures = (card.memory_total, card.memory_used, card.busy, card.celsius);
        assert_eq!(figures, (None, None, None, None));
        assert_eq!((card.uuid, card.memory_free, card.memory_reserved), (None, None, None));
        let figures = (card.name, card.watts, card.watts_limit, card.clock_mhz, card.memory_clock_mhz);
        assert_eq!(figures, (None, None, None, None, None));
        assert!(card.processes.is_empty());
        let told = |words: &str| card.faults.iter().any(|fault| fault == words);
        assert!(told("degrees Celsius: 4294967295 cannot be"), "{:?}", card.faults);
        assert!(told("processes: 4294967295 cannot be"), "{:?}", card.faults);
        assert!(card.faults.len() >= 9, "{:?}", card.faults);
    }
    Ok(())
}

fn samples_come_whatever_it_does() -> Result<(), Failed> {
    for how in ["LOST", "FAILING", "BARE", "GARBAGE"] {
        let (_folder, path) = built(how)?;
        let gpus = Gpus::from_file(path.as_os_str())?;
        let kept = NonZeroUsize::new(3).unwrap();
        let sampler = Sampler::start(Host::new(), Some(gpus), Duration::from_millis(1), kept)?;
        let mut seen = 0;
        while seen < 3 {
            let (sample, taken) = sampler.wait(seen, Duration::from_secs(60)).ok_or(how)?;
            assert_eq!(sample.gpus.len(), 2, "{how}");
            assert!(!sample.gpus[1].faults.is_empty(), "{how}");
            seen = taken;
        }
    }
    Ok(())
}
