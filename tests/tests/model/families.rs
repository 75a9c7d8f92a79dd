//! What families of models say in `config.json` that would change the arithmetic.

use mbed_core::spec::{PositionSpec, Presence, Reach};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Copy, spec};

const FILE: &str = "config.json";

/// Each would give other vectors if it were ignored.
#[rstest]
#[case("roberta-mean", "position_embedding_type", json!("relative_key"))]
#[case("roberta-mean", "is_decoder", json!(true))]
#[case("roberta-mean", "pad_token_id", json!(129))]
#[case("albert-mean", "num_hidden_groups", json!(2))]
#[case("albert-mean", "inner_group_num", json!(2))]
#[case("nomic-original", "prenorm", json!(true))]
#[case("nomic-original", "use_rms_norm", json!(true))]
#[case("nomic-original", "causal", json!(true))]
#[case("nomic-original", "parallel_block", json!(true))]
#[case("nomic-original", "rotary_scaling_factor", json!(2))]
#[case("nomic-original", "rotary_emb_scale_base", json!(512))]
#[case("nomic-original", "moe_every_n_layers", json!(2))]
#[case("nomic-original", "activation_function", json!("mish"))]
#[case("gte-new-rope", "position_embedding_type", json!("absolute"))]
#[case("gte-new-rope", "layer_norm_type", json!("rms_norm"))]
#[case("gte-new-rope", "logn_attention_scale", json!(true))]
#[case("gte-new-rope", "pack_qkv", json!(false))]
#[case("jina-v2", "feed_forward_type", json!("original"))]
#[case("jina-v2", "_name_or_path", json!("jinaai/jina-bert-v2-qk-post-norm"))]
#[case("modernbert-cls", "layer_types", json!(["full_attention"]))]
#[case("modernbert-cls", "layer_types", json!(["full_attention", "linear_attention", "full_attention", "full_attention"]))]
#[case("gemma3-mean", "attn_logit_softcapping", json!(50.0))]
#[case("llama-mean", "num_key_value_heads", json!(3))]
#[case("llama-mean", "num_hidden_layers", json!(1001))]
#[case("t5-mean", "feed_forward_proj", json!("gated-mish"))]
fn a_switch_that_is_not_computed_is_refused(#[case] model: &str, #[case] key: &str, #[case] value: Value) {
    let copy = Copy::of(model);
    let (named, got, _) = copy.edit(FILE, |config| config[key] = value.clone()).config_error(FILE);
    assert_eq!((named.as_str(), got), (key, value.to_string()));
}

#[rstest]
#[case(json!({"rope_type": "yarn", "factor": 4.0}), "rope_type", "\"yarn\"")]
#[case(json!({"type": "longrope"}), "type", "\"longrope\"")]
#[case(json!({"rope_type": "linear", "factor": 0}), "factor", "0")]
#[case(json!({"rope_type": "ntk", "factor": 2.0, "mixed_b": 0.1}), "mixed_b", "0.1")]
fn a_scaling_of_rotations_that_is_not_computed_is_refused(
    #[case] scaling: Value,
    #[case] key: &str,
    #[case] value: &str,
) {
    let copy = Copy::of("llama-mean");
    let (named, got, _) = copy.edit(FILE, |config| config["rope_scaling"] = scaling).config_error(FILE);
    assert_eq!((named.as_str(), got.as_str()), (key, value));
}

#[test]
fn linear_scaling_divides_every_frequency() {
    let frequencies = |copy: &Copy| {
        let model = copy.load().unwrap();
        spec(&model).layers[0].rotary.as_ref().unwrap().frequencies.clone()
    };
    let plain = frequencies(&Copy::of("llama-mean"));
    let copy = Copy::of("llama-mean");
    copy.edit(FILE, |config| config["rope_scaling"] = json!({"rope_type": "linear", "factor": 4.0}));
    let expected: Vec<f32> = plain.iter().map(|frequency| frequency / 4.0).collect();
    assert_eq!(frequencies(&copy), expected);
}

#[test]
fn windows_reach_as_far_as_the_library_lets_them() {
    let reach = |model: &str, layer: usize, edit: &dyn Fn(&mut Value)| {
        let copy = Copy::of(model);
        spec(&copy.edit(FILE, edit).load().unwrap()).layers[layer].reach
    };
    let unchanged = |_: &mut Value| {};
    let behind = |before| Reach { before, after: 0 };
    assert_eq!(reach("mistral-window", 0, &unchanged), behind(7));
    assert_eq!(reach("mistral-last", 0, &unchanged), Reach::CAUSAL);
    let unstated = |config: &mut Value| _ = config.as_object_mut().unwrap().remove("sliding_window");
    assert_eq!(reach("mistral-window", 0, &unstated), behind(4095));
    assert_eq!(reach("qwen2-last", 1, &unchanged), Reach::CAUSAL);
    let sliding = |config: &mut Value| {
        config["use_sliding_window"] = json!(true);
        config["sliding_window"] = json!(5);
        config["max_window_layers"] = json!(1);
        config.as_object_mut().unwrap().remove("layer_types");
    };
    assert_eq!(
        (reach("qwen2-last", 0, &sliding), reach("qwen2-last", 1, &sliding)),
        (Reach::CAUSAL, behind(4))
    );
    assert_eq!(reach("qwen2-bidirectional", 0, &unchanged), Reach::ALL);
    assert_eq!(
        (reach("gemma3-mean", 0, &unchanged), reach("gemma3-mean", 1, &unchanged)),
        (Reach::within(4), Reach::ALL)
    );
    assert_eq!(
        (reach("modernbert-cls", 0, &unchanged), reach("modernbert-cls", 1, &unchanged)),
        (Reach::ALL, Reach::within(8))
    );
}

#[test]
fn positions_begin_behind_the_padding_token_where_a_family_has_it_so() {
    let position = |model: &str| spec(&Copy::of(model).load().unwrap()).position;
    for model in ["roberta-mean", "xlm-roberta-cls", "mpnet-mean"] {
        let expected = PositionSpec::Learned { rows: 130, first: 2, uncounted: Some(1) };
        assert_eq!(position(model), expected, "{model}");
    }
    assert_eq!(position("distilbert-mean"), PositionSpec::learned(512));
    assert_eq!(position("nomic-original"), PositionSpec::NotAdded { max_tokens: 8192 });
}

#[test]
fn a_model2vec_folder_needs_its_modules() {
    let copy = Copy::of("model2vec");
    let (key, value, expected) = copy.remove("modules.json").config_error(FILE);
    assert_eq!((key.as_str(), value.as_str()), ("model_type", "\"model2vec\""));
    assert!(expected.contains("modules.json"), "{expected}");
}

#[test]
fn the_first_norm_of_modernbert_is_the_embeddings() {
    let copy = Copy::of("modernbert-published");
    let model = copy.load().unwrap();
    let norms: Vec<Presence> = spec(&model).layers.iter().map(|layer| layer.attention_norm).collect();
    assert_eq!(norms[0], Presence::Absent);
    assert!(norms[1..].iter().all(|norm| norm.is_present()));
}
