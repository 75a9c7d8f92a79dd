//! The backend on ONNX Runtime where its library is not there, and models written for other runtimes.

use crate::support::{Place, bert_mean, fixture};

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
    hint: `mbed onnx fetch` gets a library, `ORT_DYLIB_PATH` names one; `mbed devices` lists what each backend finds
    ");
}

#[test]
fn an_export_is_a_whole_folder_of_any_precisions() {
    let place = Place::new();
    let export = |precision: &str| {
        place.run(&["model", "export", &bert_mean(), "-o", "out", "--precision", precision]).ok().stdout
    };
    assert_eq!(export("f32"), "out/onnx/model.onnx\n");
    assert_eq!(export("int8"), "out/onnx/model_int8.onnx\n");
    let exists = |name: &str| place.path("out").join(name).exists();
    for name in [
        "onnx/model.onnx",
        "onnx/model_int8.onnx",
        "modules.json",
        "config.json",
        "tokenizer.json",
        "1_Pooling/config.json",
    ] {
        assert!(exists(name), "{name}");
    }
    assert!(!exists("model.safetensors"), "the weights are in the graphs");
    let size = |name: &str| std::fs::metadata(place.path("out/onnx").join(name)).unwrap().len();
    assert!(size("model_int8.onnx") < size("model.onnx"), "matrices take a quarter");
}

#[test]
fn a_folder_that_is_exported_into_itself_keeps_its_files() {
    let place = Place::new();
    let model = place.model("bert-mean");
    let model = model.to_str().unwrap();
    place.run(&["model", "export", model, "-o", model]).ok();
    for name in ["model.safetensors", "tokenizer.json", "onnx/model.onnx"] {
        assert!(std::fs::metadata(place.path("model").join(name)).unwrap().len() > 100, "{name}");
    }
}

#[test]
fn what_cannot_be_exported_is_refused_before_anything_is_written() {
    let place = Place::new();
    let model = fixture("deberta-v2-mean");
    let outcome = place.run(&["model", "export", model.to_str().unwrap(), "-o", "out"]);
    let error = outcome.error();
    let expected = "error: there is no encoder spec for the architecture `deberta-v2`, and without one it cannot be \
                    written\nhint: architectures with an encoder spec: bert, ";
    assert!(error.starts_with(expected), "{error}");
    assert_eq!(place.names(), [""; 0]);
    let outcome = place.run(&["model", "export", &bert_mean(), "-o", "out", "--precision", "bf16"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("f32, f16, int8"), "{}", outcome.stderr);
}
