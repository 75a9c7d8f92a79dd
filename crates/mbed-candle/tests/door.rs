//! What the door to candle-transformers takes, and what it refuses because it would be computed wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::error::Error;

use mbed_candle::CandleBackend;
use mbed_core::{Backend, ModelSource, OpenRequest, Tensor};
use serde_json::{Value, json};
use support::{Fixture, embed};

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
    let check = |architecture: &str, expected: &str| {
        let mut fixture = Fixture::load("roberta-mean");
        fixture.config["model_type"] = architecture.into();
        let message = refusal(fixture.source());
        assert!(message.contains(expected), "{message}");
    };
    check(
        "electra",
        "architecture `electra` is not among those it knows: roberta, xlm-roberta, camembert, nomic_bert,",
    );
    check(
        "distilbert",
        "architecture `distilbert` is left out: candle-transformers 0.11.1 computes its exact GELU",
    );
}

#[test]
fn what_would_be_computed_otherwise_is_refused_by_field() {
    let check = |name: &str, field: &str, value: Value, expected: &str| {
        let mut fixture = Fixture::load(name);
        match fixture.config.pointer_mut(field) {
            Some(found) => *found = value,
            None => fixture.config[field.trim_start_matches('/')] = value,
        }
        let message = refusal(fixture.source());
        assert!(message.contains(expected), "{name} with {field}: {message}");
    };
    check("roberta-mean", "/position_embedding_type", json!("relative_key"), "computes only `\"absolute\"`");
    check("roberta-mean", "/is_decoder", json!(true), "`is_decoder` is `true` in its `config.json`");
    check("roberta-mean", "/hidden_act", json!("gelu_fast"), "candle-nn has no such activation");
    check("nomic-bert-mean", "/hidden_act", json!("gelu"), "computes only `\"silu\"`");
    check("nomic-bert-mean", "/head_dim", json!(8), "`head_dim` is `8`");
    check(
        "nomic-bert-mean",
        "/rope_parameters/rope_type",
        json!("yarn"),
        "`rope_parameters.rope_type` is `\"yarn\"`",
    );
    check("nomic-bert-mean", "/rope_parameters/rope_theta", json!("x"), "a number above 0 is needed");
    check("modernbert-cls", "/norm_bias", json!(true), "`norm_bias` is `true`");
    check("modernbert-cls", "/hidden_activation", json!("silu"), "computes only `\"gelu\"`");
    check(
        "modernbert-cls",
        "/layer_types/1",
        json!("full_attention"),
        "`layer_types` are not a global layer every 2",
    );
    check("qwen2-last", "/is_causal", json!(false), "`is_causal` is `false`");
    check("qwen2-last", "/use_sliding_window", json!(true), "`use_sliding_window` is `true`");
    check("qwen3-last", "/layer_types/0", json!("sliding_attention"), "computes only `full_attention`");
    check("qwen3-last", "/rope_scaling", json!({ "factor": 4.0 }), "does not compute this");
}

#[test]
fn senseless_configurations_are_errors_and_never_panics() {
    let names =
        ["roberta-mean", "xlm-roberta-cls", "nomic-bert-mean", "modernbert-cls", "qwen2-last", "qwen3-last"];
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
    ];
    for name in names {
        let fields: Vec<String> = Fixture::load(name).config.as_object().unwrap().keys().cloned().collect();
        for (field, value) in fields.iter().flat_map(|field| values.iter().map(move |value| (field, value))) {
            let mut fixture = Fixture::load(name);
            if field == "hidden_size" || field == "model_type" {
                continue;
            }
            fixture.config[field.as_str()] = value.clone();
            // Some values mean nothing to the model; those that open must also embed.
            if let Ok(mut session) = fixture.open() {
                let vectors = embed(session.as_mut(), &[vec![mbed_core::Token { id: 5, type_id: 0 }]], 1);
                assert_eq!(vectors[0].len(), 64, "{name} with {field} = {value}");
            }
        }
    }
}

#[test]
fn a_configuration_that_is_not_an_object_is_refused() {
    let ModelSource::Foreign(mut model) = Fixture::load("roberta-mean").source() else { unreachable!() };
    model.config = "[1, 2".into();
    let message = refusal(ModelSource::Foreign(model.clone()));
    assert!(message.contains("its `config.json` is not an object"), "{message}");
    model.config = "{}".into();
    let message = refusal(ModelSource::Foreign(model.clone()));
    assert!(message.contains("`hidden_size` is missing in its `config.json`"), "{message}");
    model.hidden = 32;
    model.config = Fixture::load("roberta-mean").config.to_string().into();
    let message = refusal(ModelSource::Foreign(model));
    assert!(message.contains("its hidden size is 32, but `config.json` says 64"), "{message}");
}

#[test]
fn tensors_may_have_a_prefix_and_company() {
    let check = |name: &str, prefix: &str| {
        let mut fixture = Fixture::load(name);
        let expected = vectors(&fixture);
        let tensors = std::mem::take(&mut fixture.tensors);
        fixture.tensors =
            tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect();
        let of_a_task = Tensor::from_f32(vec![1], &[1.0]).unwrap();
        fixture.tensors.insert("lm_head.weight".to_owned(), of_a_task);
        assert_eq!(vectors(&fixture), expected, "{name} under {prefix}");
    };
    check("roberta-mean", "roberta.");
    check("xlm-roberta-cls", "roberta.");
    check("nomic-bert-mean", "bert.");
    check("modernbert-cls", "model.");
    check("qwen2-last", "model.");
    check("qwen3-last", "model.");
}

#[test]
fn tensors_that_are_missing_or_misshapen_are_named_as_in_the_file() {
    let check = |name: &str, tensor: &str| {
        let mut fixture = Fixture::load(name);
        let removed = fixture.tensors.remove(tensor).unwrap();
        let message = refusal(fixture.source());
        assert!(message.ends_with(&format!("tensor `{tensor}` is missing")), "{message}");
        fixture.tensors.insert(tensor.to_owned(), Tensor::from_f32(vec![1], &[1.0]).unwrap());
        let message = refusal(fixture.source());
        let shapes = format!("has shape [1], the configuration asks for {:?}", removed.shape());
        assert!(message.ends_with(&format!("tensor `{tensor}` {shapes}")), "{message}");
    };
    check("roberta-mean", "encoder.layer.1.attention.self.key.bias");
    check("nomic-bert-mean", "encoder.layers.1.mlp.fc12.weight");
    check("modernbert-cls", "layers.3.mlp.Wo.weight");
    check("modernbert-cls", "layers.1.attn_norm.weight");
    check("qwen2-last", "layers.0.self_attn.v_proj.bias");
    check("qwen3-last", "layers.0.self_attn.k_norm.weight");

    let mut fixture = Fixture::load("modernbert-cls");
    fixture
        .tensors
        .insert("layers.0.attn_norm.weight".to_owned(), fixture.tensors["final_norm.weight"].clone());
    let message = refusal(fixture.source());
    assert!(message.ends_with("its first layer has a norm before attention"), "{message}");
}

/// Copies the value at a JSON pointer to a field of the top level.
fn rename(config: &mut Value, from: &str, to: &str) {
    config[to] = config.pointer(from).expect("the fixture has it").clone();
}

#[test]
fn older_forms_of_a_configuration_mean_the_same() {
    let check = |name: &str, renamed: &[(&str, &str)], removed: &[&str]| {
        let mut fixture = Fixture::load(name);
        let expected = vectors(&fixture);
        let ModelSource::Foreign(mut model) = fixture.source() else { unreachable!() };
        renamed.iter().for_each(|(from, to)| rename(&mut fixture.config, from, to));
        removed.iter().for_each(|field| _ = fixture.config.as_object_mut().unwrap().remove(*field));
        model.config = fixture.config.to_string().into();
        let mut session = CandleBackend.open(OpenRequest::new(ModelSource::Foreign(model))).unwrap();
        assert_eq!(embed(session.as_mut(), &fixture.tokens("")[..8], 8), expected, "{name}");
    };
    let nomic = [
        ("/hidden_size", "n_embd"),
        ("/num_attention_heads", "n_head"),
        ("/num_hidden_layers", "n_layer"),
        ("/intermediate_size", "n_inner"),
        ("/max_position_embeddings", "n_positions"),
        ("/layer_norm_eps", "layer_norm_epsilon"),
        ("/rope_parameters/rope_theta", "rotary_emb_base"),
    ];
    check("nomic-bert-mean", &nomic, &["hidden_size", "num_attention_heads", "rope_parameters"]);
    let modern = [
        ("/rope_parameters/full_attention/rope_theta", "global_rope_theta"),
        ("/rope_parameters/sliding_attention/rope_theta", "local_rope_theta"),
    ];
    check("modernbert-cls", &modern, &["rope_parameters", "layer_types"]);
    check(
        "qwen2-last",
        &[("/rope_parameters/rope_theta", "rope_theta")],
        &["rope_parameters", "layer_types"],
    );
}
