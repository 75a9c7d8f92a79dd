//! The backend on CUDA where there is no card.

use std::time::{Duration, Instant};

use crate::support::Place;

/// Where a driver is, it shows no card.
const NO_CARD: [(&str, &str); 1] = [("CUDA_VISIBLE_DEVICES", "")];

#[test]
fn devices_are_listed_with_the_reason_why_there_is_none() {
    let place = Place::new();
    let outcome = place.run_with(&NO_CARD, &["devices"]).ok();
    let line = outcome.stdout.lines().find(|line| line.starts_with("cuda ")).expect("a line for cuda");
    assert!(line.contains("no device: ") && line.contains("NVIDIA driver"), "{}", outcome.stdout);
}

#[test]
fn a_backend_without_a_device_is_refused_before_anything_else_is_looked_at() {
    let place = Place::new();
    let start = Instant::now();
    // Neither the input nor the model exists.
    let arguments = ["embed", "missing.txt", "--model", "nobody/nothing", "--backend", "cuda"];
    let outcome = place.run_with(&NO_CARD, &arguments);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(outcome.code, Some(1));
    let error = outcome.error();
    assert!(error.starts_with("error: backend `cuda` finds no device: "), "{error}");
    assert!(error.contains("NVIDIA driver") && error.contains("`mbed devices`"), "{error}");
    assert!(!error.contains("missing.txt") && !error.contains("nobody"), "{error}");
}
