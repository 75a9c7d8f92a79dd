//! Runs that end early from outside.

#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Place, bert_mean};

/// Waits for the end, and kills what does not end in time.
fn wait(mut child: Child) -> (Option<i32>, String) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the run did not end");
        }
        thread::sleep(Duration::from_millis(20));
    };
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    (status.code(), words)
}

#[test]
fn interrupting_a_run_that_waits_for_input_ends_it_and_leaves_nothing() {
    for signal in ["INT", "TERM"] {
        let place = Place::new();
        let mut command = place.command(&["embed", "--model", &bert_mean(), "-", "-o", "out.npy"]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"one\ntwo\n").unwrap();
        // The hidden file that is written to shows that the run is under way.
        let deadline = Instant::now() + Duration::from_secs(60);
        while place.names().is_empty() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(place.names().len(), 1);
        let kill = std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let (code, words) = wait(child);
        assert_eq!(code, Some(130), "{words}");
        assert!(words.contains("interrupted"), "{words}");
        assert!(place.names().is_empty(), "{:?}", place.names());
        drop(input);
    }
}

#[test]
fn a_closed_pipe_ends_the_run_without_a_panic() {
    let place = Place::new();
    place.file("texts.txt", "one\n".repeat(20_000));
    let mut command = place.command(&["embed", "--model", &bert_mean(), "texts.txt"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut first).unwrap();
    drop(output);
    let (code, words) = wait(child);
    assert_eq!(code, Some(141), "{words}");
    assert!(words.contains("error: ") && !words.contains("panicked"), "{words}");
}
