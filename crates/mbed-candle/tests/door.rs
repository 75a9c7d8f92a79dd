//! What the door to candle-transformers takes, and what it refuses because it would be computed wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::error::Error;

use mbed_candle::CandleBackend;
use mbed_core::{Backend, ModelSource, OpenRequest, Tensor, Token};
use serde_json::{Value, json};
use support::{Fixture, embed};

/// Ranges of distances, and keys shared with content, as version 3 is published.
const RANGES: &str = "deberta-v2-mean";

/// Positions and segments are added, and distances are told apart one by one.
const DISTANCES: &str = "deberta-v2-cls";

/// The message of the error that opening `source` ends in, with its cause.
fn refusal(source: ModelSource) -> String {
    let error = CandleBackend.open(OpenRequest::new(source)).err().expect("it is refused");
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn vectors(fixture: &Fixture) -> Vec<Vec<f32>> {
    embed(fixture.open().unwrap().as_mut(), &fixture.tokens("")[..8], 8)
}

#[test]
fn an_architecture_outside_the_table_is_refused_by_name() {
    for architecture in ["deberta", "nvembed"] {
        let mut fixture = Fixture::load(RANGES);
        fixture.config["model_type"] = architecture.into();
        let expected = format!("architecture `{architecture}` is not among those it knows: `deberta-v2`");
        let message = refusal(fixture.source());
        assert!(message.ends_with(&expected), "{message}");
    }
}

#[test]
fn what_would_be_computed_otherwise_is_refused_by_field() {
    let check = |field: &str, value: Value, expected: &str| {
        let mut fixture = Fixture::load(RANGES);
        fixture.config[field] = value.clone();
        let message = refusal(fixture.source());
        let expected = format!("`{field}` is `{value}` in its `config.json`: {expected}");
        assert!(message.ends_with(&expected), "{message}");
    };
    check("conv_kernel_size", json!(3), "candle-transformers computes only `0`");
    check("embedding_size", json!(16), "candle-transformers computes only `32`");
    check("attention_head_size", json!(8), "candle-transformers computes only `16`");
    check("hidden_act", json!("silu"), "candle-transformers has no such activation here");
    check("hidden_act", json!("gelu_fast"), "there is no such activation");
    check("hidden_act", json!(1), "a text is needed");
    check("pos_att_type", json!("c2p|p2p"), "candle-transformers computes only `c2p` and `p2c`");
    check("pos_att_type", json!([["c2p"]]), "candle-transformers computes only `c2p` and `p2c`");
    check("pos_att_type", json!(2), "candle-transformers computes only `c2p` and `p2c`");
    check("norm_rel_ebd", json!("rms"), "candle-transformers computes only `none` and `layer_norm`");
    check("relative_attention", json!("yes"), "true or false is needed");
    check("layer_norm_eps", json!(-1.0), "a number above 0 is needed");
    check("intermediate_size", json!(1.5), "a whole number from 1 to 2147483648 is needed");
}

#[test]
fn distances_that_no_ranges_can_be_made_of_are_refused() {
    let check = |buckets: u64, furthest: u64| {
        let mut fixture = Fixture::load(RANGES);
        fixture.config["position_buckets"] = buckets.into();
        fixture.config["max_relative_positions"] = furthest.into();
        let message = refusal(fixture.source());
        let expected = format!("it puts distances up to {furthest} into {buckets} ranges");
        assert!(message.ends_with(&expected), "{message}");
    };
    check(1, 100);
    check(16, 9);
    check(300, 128);
}

#[test]
fn senseless_configurations_are_errors_and_never_panics() {
    let values = [
        json!(0),
        json!(-1),
        json!(3),
        json!("x"),
        json!(null),
        json!([]),
        json!(u64::MAX),
        json!(1_u64 << 30),
        json!(1e30),
        json!(true),
    ];
    for name in [RANGES, DISTANCES] {
        let fields: Vec<String> = Fixture::load(name).config.as_object().unwrap().keys().cloned().collect();
        for (field, value) in fields.iter().flat_map(|field| values.iter().map(move |value| (field, value))) {
            let mut fixture = Fixture::load(name);
            if field == "hidden_size" || field == "model_type" {
                continue;
            }
            fixture.config[field.as_str()] = value.clone();
            // Some values mean nothing to the model; those that open must also embed.
            if let Ok(mut session) = fixture.open() {
                let sequence = vec![Token { id: 5, type_id: 0 }; 40];
                let vectors = embed(session.as_mut(), &[sequence.clone(), sequence], 2);
                assert_eq!(vectors[0].len(), 32, "{name} with {field} = {value}");
            }
        }
    }
}

#[test]
fn a_configuration_that_is_not_an_object_is_refused() {
    let ModelSource::Foreign(mut model) = Fixture::load(RANGES).source() else { unreachable!() };
    model.config = "[1, 2".into();
    let message = refusal(ModelSource::Foreign(model.clone()));
    assert!(message.contains("its `config.json` is not an object"), "{message}");
    model.config = "{}".into();
    let message = refusal(ModelSource::Foreign(model.clone()));
    assert!(message.contains("`hidden_size` is missing in its `config.json`"), "{message}");
    model.hidden = 16;
    model.config = Fixture::load(RANGES).config.to_string().into();
    let message = refusal(ModelSource::Foreign(model));
    assert!(message.contains("its hidden size is 16, but `config.json` says 32"), "{message}");
}

#[test]
fn tensors_may_have_a_prefix_and_company() {
    let mut fixture = Fixture::load(RANGES);
    let expected = vectors(&fixture);
    let tensors = std::mem::take(&mut fixture.tensors);
    fixture.tensors = tensors.into_iter().map(|(name, tensor)| (format!("deberta.{name}"), tensor)).collect();
    let of_a_task = Tensor::from_f32(vec![1], &[1.0]).unwrap();
    fixture.tensors.insert("lm_predictions.lm_head.bias".to_owned(), of_a_task);
    assert_eq!(vectors(&fixture), expected);
}

#[test]
fn tensors_that_are_missing_or_misshapen_are_named_as_in_the_file() {
    let check = |name: &str, prefix: &str, tensor: &str| {
        let mut fixture = Fixture::load(name);
        let tensors = std::mem::take(&mut fixture.tensors).into_iter();
        fixture.tensors = tensors.map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect();
        let tensor = format!("{prefix}{tensor}");
        let removed = fixture.tensors.remove(&tensor).unwrap();
        let message = refusal(fixture.source());
        assert!(message.ends_with(&format!("tensor `{tensor}` is missing")), "{message}");
        fixture.tensors.insert(tensor.clone(), Tensor::from_f32(vec![1], &[1.0]).unwrap());
        let message = refusal(fixture.source());
        let shapes = format!("has shape [1], the configuration asks for {:?}", removed.shape());
        assert!(message.ends_with(&format!("tensor `{tensor}` {shapes}")), "{message}");
    };
    check(RANGES, "", "encoder.layer.1.attention.self.key_proj.bias");
    check(RANGES, "deberta.", "encoder.rel_embeddings.weight");
    check(RANGES, "", "encoder.LayerNorm.weight");
    check(DISTANCES, "", "encoder.layer.0.attention.self.pos_key_proj.weight");
    check(DISTANCES, "deberta.", "embeddings.position_embeddings.weight");

    let mut fixture = Fixture::load(RANGES);
    fixture.config["num_hidden_layers"] = 1000.into();
    let message = refusal(fixture.source());
    assert!(message.ends_with("its `config.json` says 1000 layers, but it has 38 tensors"), "{message}");
}

#[test]
fn other_forms_of_a_configuration_mean_the_same() {
    let check = |name: &str, change: fn(&mut Value)| {
        let mut fixture = Fixture::load(name);
        let expected = vectors(&fixture);
        change(&mut fixture.config);
        assert_eq!(vectors(&fixture), expected, "{name}: {}", fixture.config);
    };
    check(RANGES, |config| config["pos_att_type"] = "c2p | p2c".into());
    check(RANGES, |config| config["max_relative_positions"] = Value::Null);
    check(RANGES, |config| config["conv_kernel_size"] = 0.into());
    check(RANGES, |config| config["attention_head_size"] = 16.into());
    check(DISTANCES, |config| config["position_buckets"] = Value::Null);
    check(DISTANCES, |config| {
        for silent in ["position_biased_input", "share_att_key", "norm_rel_ebd"] {
            config.as_object_mut().unwrap().remove(silent);
        }
    });
}

#[test]
fn segments_count_where_there_are_any() {
    let mut output = mbed_core::Embeddings::new();
    let mut batch = mbed_core::Batch::new();
    batch.push(&[Token { id: 5, type_id: 1 }, Token { id: 6, type_id: 1 }]);
    let mut session = Fixture::load(DISTANCES).open().unwrap();
    session.embed(&batch, &mut output).unwrap();
    let with_type_one: Vec<f32> = output.values().to_vec();
    batch.clear();
    batch.push(&[Token { id: 5, type_id: 0 }, Token { id: 6, type_id: 0 }]);
    session.embed(&batch, &mut output).unwrap();
    assert_ne!(output.values(), with_type_one);
}
