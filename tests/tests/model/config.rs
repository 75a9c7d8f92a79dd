//! Values of `config.json` that cannot be right, or that are not computed.

use mbed_core::{Backend, BackendError, ModelSource, OpenRequest};
use mbed_cpu::CpuBackend;
use mbed_model::{ModelError, known_families};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Copy, chain, spec};

const FILE: &str = "config.json";

/// The sizes that BERT needs.
const SIZES: [&str; 6] = [
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
];

#[test]
fn a_size_must_be_a_whole_number_of_at_least_1() {
    let wrong =
        [json!(0), json!(-1), json!(1.5), json!("12"), json!([12]), json!({}), json!(true), json!(1e300)];
    for key in SIZES.into_iter().chain(["type_vocab_size"]) {
        for value in &wrong {
            let copy = Copy::new();
            let (named, got, expected) =
                copy.edit(FILE, |config| config[key] = value.clone()).config_error(FILE);
            assert_eq!((named.as_str(), got), (key, value.to_string()));
            assert_eq!(expected, "a whole number of at least 1");
        }
    }
    for key in SIZES {
        let copy = Copy::new();
        let (named, got, _) = copy.edit(FILE, |config| config[key] = Value::Null).config_error(FILE);
        assert_eq!((named.as_str(), got.as_str()), (key, "null"));
        let copy = Copy::new();
        copy.edit(FILE, |config| _ = config.as_object_mut().unwrap().remove(key));
        let (named, got, _) = copy.config_error(FILE);
        assert_eq!((named.as_str(), got.as_str()), (key, "absent"));
    }
}

#[test]
fn a_size_that_the_weights_do_not_have_is_refused_at_once() {
    let huge = [3_u64, 1 << 20, 1 << 32, 1 << 62, u64::MAX];
    for key in SIZES.into_iter().chain(["type_vocab_size"]) {
        for value in huge {
            let copy = Copy::of("bert-wmean");
            match copy.edit(FILE, |config| config[key] = json!(value)).load() {
                // Fewer layers or other heads would fit the tensors that are there.
                Err(ModelError::Config { key: named, .. }) => {
                    assert!(matches!(named.as_str(), "num_hidden_layers" | "num_attention_heads"), "{key}");
                }
                Err(ModelError::Weights { folder, .. } | ModelError::MissingTensors { folder, .. }) => {
                    assert_eq!(folder, copy.folder());
                }
                other => panic!("{key} of {value}: {other:?}"),
            }
        }
    }
}

#[test]
fn heads_must_divide_the_hidden_size() {
    let copy = Copy::new();
    let (key, value, expected) =
        copy.edit(FILE, |config| config["num_attention_heads"] = json!(5)).config_error(FILE);
    assert_eq!((key.as_str(), value.as_str()), ("num_attention_heads", "5"));
    assert_eq!(expected, "a divisor of `hidden_size`");
}

#[rstest]
#[case("hidden_act", json!("mish"), "one of gelu, gelu_new, relu, silu, tanh")]
#[case("hidden_act", json!(1), "a text")]
#[case("position_embedding_type", json!("relative_key"), "`absolute`, the only one that mbed computes")]
#[case("is_decoder", json!(true), "`false`, the only one that mbed computes")]
#[case("layer_norm_eps", json!(0), "a number above 0")]
#[case("layer_norm_eps", json!(-1e-12), "a number above 0")]
#[case("layer_norm_eps", json!("1e-12"), "a number above 0")]
#[case("model_type", Value::Null, "the name of an architecture")]
#[case("model_type", json!(["bert"]), "the name of an architecture")]
fn what_is_not_computed_is_refused(#[case] key: &str, #[case] value: Value, #[case] expected: &str) {
    let copy = Copy::new();
    let got = copy.edit(FILE, |config| config[key] = value.clone()).config_error(FILE);
    assert_eq!(got, (key.to_owned(), value.to_string(), expected.to_owned()));
}

#[test]
fn absent_options_have_the_values_of_the_library() {
    let copy = Copy::new();
    copy.edit(FILE, |config| {
        for key in ["hidden_act", "layer_norm_eps", "type_vocab_size", "is_decoder"] {
            config.as_object_mut().unwrap().remove(key);
        }
    });
    let (changed, whole) = (copy.load().unwrap(), Copy::new().load().unwrap());
    assert_eq!(spec(&changed), spec(&whole));
}

#[test]
fn an_unknown_architecture_is_refused_by_its_name() {
    assert!(known_families().contains(&"bert") && !known_families().contains(&"bertram"));
    let copy = Copy::new();
    let model = copy.edit(FILE, |config| config["model_type"] = json!("bertram")).load().unwrap();
    assert_eq!(model.architecture(), "bertram");
    assert!(matches!(&model.source, ModelSource::Foreign(foreign) if foreign.hidden == 32));
    let Err(error) = CpuBackend.open(OpenRequest::new(model.source)) else { panic!("it was opened") };
    assert!(matches!(error, BackendError::UnsupportedModel { .. }), "{error:?}");
    assert!(chain(&error).contains("`bertram`"), "{}", chain(&error));
}

#[test]
fn sizes_of_an_unknown_architecture_are_checked_too() {
    for (key, value) in
        [("hidden_size", json!(0)), ("max_position_embeddings", json!("many")), ("vocab_size", json!(-3))]
    {
        let copy = Copy::new();
        copy.edit(FILE, |config| {
            config["model_type"] = json!("bertram");
            config[key] = value.clone();
        });
        let (named, got, _) = copy.config_error(FILE);
        assert_eq!((named.as_str(), got), (key, value.to_string()));
    }
    // Position tables of this family begin behind the padding token.
    let copy = Copy::of("roberta-mean");
    let model = copy.edit(FILE, |config| config["pad_token_id"] = json!(u64::MAX)).load();
    assert!(model.is_err() || model.is_ok_and(|model| model.text.positions == 0));
}
