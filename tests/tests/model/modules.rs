//! `modules.json` and the folders that it names.

use mbed_core::PromptPooling;
use mbed_core::spec::{Activation, Bias, HeadStage, Pooling, Residual};
use mbed_model::ModelError;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Copy, assert_hint, chain, spec};

const MODULES: &str = "modules.json";
const POOLING: &str = "1_Pooling/config.json";
const DENSE: &str = "2_Dense/config.json";

/// A list of modules, each by type and folder.
fn modules(list: &[(&str, &str)]) -> String {
    let entries = list.iter().enumerate().map(|(index, (kind, path))| {
        json!({ "idx": index, "name": index.to_string(), "path": path, "type": kind })
    });
    Value::Array(entries.collect()).to_string()
}

#[rstest]
#[case("sentence_transformers.models.LSTM")]
#[case("MyPooling")]
#[case("sentence_transformers.models.Asym")]
#[case("")]
fn an_unknown_module_is_refused_and_never_left_out(#[case] kind: &str) {
    let copy = Copy::new();
    let list = [
        ("sentence_transformers.Transformer", ""),
        ("sentence_transformers.Pooling", "1_Pooling"),
        (kind, "2_Dense"),
    ];
    let error = copy.write(MODULES, modules(&list)).error(MODULES);
    let ModelError::UnknownModule { kind: named, .. } = &error else { panic!("{error:?}") };
    assert_eq!(named, kind);
    assert_hint(&error, "Pooling, Dense, LayerNorm, Normalize and Dropout");
}

#[rstest]
#[case(&[], "there is no Transformer")]
#[case(&[("Pooling", "1_Pooling")], "there is no Transformer")]
#[case(&[("Transformer", "")], "there is no Pooling")]
#[case(&[("Transformer", ""), ("Normalize", "3_Normalize")], "stands before Pooling")]
#[case(&[("Transformer", ""), ("Dense", "2_Dense"), ("Pooling", "1_Pooling")], "stands before Pooling")]
#[case(&[("Transformer", ""), ("Transformer", "")], "two of one kind")]
#[case(&[("Transformer", ""), ("Pooling", "1_Pooling"), ("Pooling", "1_Pooling")], "two of one kind")]
fn modules_that_make_no_embedding_are_refused(#[case] list: &[(&str, &str)], #[case] reason: &str) {
    let copy = Copy::new();
    let error = copy.write(MODULES, modules(list)).error(MODULES);
    assert!(matches!(error, ModelError::ModuleOrder { .. }), "{error:?}");
    assert!(chain(&error).contains(reason), "{}", chain(&error));
}

#[test]
fn types_of_every_version_are_known_and_folders_may_have_any_name() {
    let old = "sentence_transformers.models";
    let kinds = [("Transformer", "", "."), ("Pooling", "", "."), ("Dense", "", "."), ("Normalize", "", ".")];
    for prefix in [old, "sentence_transformers.base.modules.any", "sentence_transformers"] {
        let names: Vec<String> = kinds.iter().map(|(kind, ..)| format!("{prefix}.{kind}")).collect();
        let copy = Copy::new();
        copy.write("pool/config.json", copy.read(POOLING));
        let list = [
            (names[0].as_str(), ""),
            (names[1].as_str(), "pool"),
            ("sentence_transformers.models.Dropout", "absent"),
            (names[2].as_str(), "2_Dense"),
            (names[3].as_str(), "absent"),
        ];
        let changed = copy.write(MODULES, modules(&list)).load().unwrap();
        assert_eq!(spec(&changed), spec(&Copy::new().load().unwrap()), "{prefix}");
    }
}

#[rstest]
#[case("pooling_mode", json!("median"), "any of cls, max, mean")]
#[case("pooling_mode", json!(["mean", "median"]), "any of cls, max, mean")]
#[case("pooling_mode", json!(["mean", 3]), "any of cls, max, mean")]
#[case("pooling_mode", json!([]), "at least one of cls")]
#[case("pooling_mode", json!(1), "a name or a list of names")]
#[case("include_prompt", json!("no"), "true or false")]
fn a_pooling_that_is_not_known_is_refused(#[case] key: &str, #[case] value: Value, #[case] expected: &str) {
    let copy = Copy::new();
    let (named, got, accepted) =
        copy.edit(POOLING, |config| config[key] = value.clone()).config_error(POOLING);
    assert_eq!((named.as_str(), got), (key, value.to_string()));
    assert!(accepted.contains(expected), "{accepted}");
}

#[rstest]
#[case(&[], &[Pooling::Mean])]
#[case(&["cls_token"], &[Pooling::Cls])]
#[case(&["lasttoken", "weightedmean_tokens"], &[Pooling::WeightedMean, Pooling::LastToken])]
#[case(
    &["mean_sqrt_len_tokens", "mean_tokens", "max_tokens", "cls_token"],
    &[Pooling::Cls, Pooling::Max, Pooling::Mean, Pooling::MeanSqrtLength],
)]
fn old_switches_concatenate_in_the_order_of_the_library(#[case] on: &[&str], #[case] expected: &[Pooling]) {
    let copy = Copy::of("bert-wmean");
    let mut switches = serde_json::Map::new();
    for key in on {
        switches.insert(format!("pooling_mode_{key}"), true.into());
    }
    let model = copy.write(POOLING, Value::Object(switches).to_string()).load().unwrap();
    assert_eq!(spec(&model).head.pooling, expected);
}

#[test]
fn prompts_are_pooled_unless_the_folder_says_otherwise() {
    let check = |value: Value, expected| {
        let copy = Copy::new();
        let model = copy.edit(POOLING, |config| config["include_prompt"] = value).load().unwrap();
        assert_eq!(model.text.prompt_pooling, expected);
    };
    check(json!(true), PromptPooling::Included);
    check(Value::Null, PromptPooling::Included);
    check(json!(false), PromptPooling::Excluded);
}

#[rstest]
#[case("activation_function", json!("torch.nn.modules.activation.PReLU"), "Tanh, Identity")]
#[case("activation_function", json!(""), "Tanh, Identity")]
#[case("module_input_name", json!("token_embeddings"), "`sentence_embedding`")]
#[case("module_output_name", json!("other"), "`sentence_embedding`")]
fn a_dense_stage_that_is_not_computed_is_refused(
    #[case] key: &str,
    #[case] value: Value,
    #[case] expected: &str,
) {
    let copy = Copy::new();
    let (named, _, accepted) = copy.edit(DENSE, |config| config[key] = value).config_error(DENSE);
    assert_eq!(named, key);
    assert!(accepted.contains(expected), "{accepted}");
}

#[test]
fn an_absent_activation_is_tanh_as_in_the_library() {
    let copy = Copy::new();
    copy.edit(DENSE, |config| _ = config.as_object_mut().unwrap().remove("activation_function"));
    let model = copy.load().unwrap();
    let dense = HeadStage::Dense {
        input: 32,
        output: 24,
        bias: Bias::Absent,
        activation: Activation::Tanh,
        residual: Residual::None,
    };
    assert_eq!(spec(&model).head.stages, [dense, HeadStage::Normalize]);
}

#[test]
fn a_dense_stage_must_take_what_comes_before_it() {
    // Two poolings give 64 values, the stage takes 32.
    let copy = Copy::new();
    let (key, value, expected) =
        copy.edit(POOLING, |config| config["pooling_mode"] = json!(["cls", "mean"])).config_error(DENSE);
    assert_eq!((key.as_str(), value.as_str()), ("in_features", "32"));
    assert!(expected.contains("64"), "{expected}");
}

#[rstest]
#[case("in_features", json!(0))]
#[case("out_features", json!(0))]
fn a_dense_stage_of_no_size_is_refused(#[case] key: &str, #[case] value: Value) {
    let copy = Copy::new();
    let (named, got, _) = copy.edit(DENSE, |config| config[key] = value.clone()).config_error(DENSE);
    assert_eq!((named.as_str(), got), (key, value.to_string()));
}

#[test]
fn a_dense_stage_of_another_size_than_its_weights_is_refused() {
    for (key, value) in
        [("out_features", json!(25)), ("bias", json!(true)), ("out_features", json!(1_u64 << 62))]
    {
        let copy = Copy::new();
        let error = copy.edit(DENSE, |config| config[key] = value).error("2_Dense");
        assert!(matches!(error, ModelError::Weights { .. }), "{error:?}");
        assert!(chain(&error).contains("linear."), "the name in the file: {}", chain(&error));
    }
}

#[test]
fn code_that_comes_with_a_model_is_refused_by_its_name() {
    // As jina-embeddings-v3 has it: the last part alone would pass for a module of the library.
    let copy = Copy::new();
    copy.edit("modules.json", |modules| modules[0]["type"] = json!("custom_st.Transformer"));
    let error = copy.error("modules.json");
    assert_hint(&error, "mbed runs no code");
    assert!(
        matches!(&error, ModelError::RemoteCode { kind, .. } if kind == "custom_st.Transformer"),
        "{error:?}"
    );
}

#[test]
fn a_static_model_stands_alone() {
    let copy = Copy::of("static-embedding");
    copy.edit("modules.json", |modules| {
        let again = modules[0].clone();
        modules.as_array_mut().unwrap().push(again);
    });
    assert!(matches!(copy.error("modules.json"), ModelError::ModuleOrder { .. }));
}
