//! The backend on ONNX Runtime, and what is done without its library.

use crate::support::{Place, bert_mean};

/// Where nothing is installed and nothing may be fetched.
const NOWHERE: [(&str, &str); 3] =
    [("ORT_DYLIB_PATH", "no/such/library.so"), ("VIRTUAL_ENV", ""), ("CONDA_PREFIX", "")];

#[test]
fn nothing_is_fetched_without_the_network() {
    let place = Place::new();
    let outcome = place.run(&["onnx", "fetch", "--offline"]);
    insta::assert_snapshot!(outcome.error(), @"error: not asked, the network is off: --offline");
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn a_named_library_that_is_not_there_is_the_only_place_that_is_looked_at() {
    let place = Place::new();
    let text = place.file("text.txt", "a text");
    let text = text.to_str().unwrap();
    let mut command = place.command(&["embed", text, "--model", &bert_mean(), "--backend", "onnx"]);
    let outcome = place.outcome(&command.envs(NOWHERE).output().unwrap());
    insta::assert_snapshot!(outcome.error(), @r"
    error: backend `onnx` finds no device: no ONNX Runtime 1.24 or newer was found
      `HERE/no/such/library.so`: is not there
    hint: `mbed devices` lists what each backend finds
    ");
}
