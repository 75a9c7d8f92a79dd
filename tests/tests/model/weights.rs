//! Safetensors files that are damaged or do not fit the configuration.

use mbed_core::TensorError;
use mbed_model::ModelError;
use safetensors::Dtype;
use serde_json::json;

use crate::support::{Copy, assert_hint, chain};

const FILE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The tensor's name and what was expected and got.
fn tensor_error(error: ModelError) -> TensorError {
    match error {
        ModelError::Weights { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_truncated_file_is_named_wherever_it_is_cut() {
    let whole = Copy::new().read(FILE);
    let header = 8 + usize::try_from(u64::from_le_bytes(whole[..8].try_into().unwrap())).unwrap();
    let lengths = [
        0,
        1,
        7,
        8,
        9,
        100,
        header - 1,
        header,
        header + 1,
        whole.len() / 2,
        whole.len() - 4,
        whole.len() - 1,
    ];
    for length in lengths {
        for file in [FILE, "2_Dense/model.safetensors"] {
            let copy = Copy::new();
            let content = copy.read(file);
            let error = copy.write(file, &content[..length.min(content.len() - 1)]).error(file);
            assert!(matches!(error, ModelError::Safetensors { .. }), "{length} bytes: {error:?}");
            assert_hint(&error, "mbed model pull --force");
        }
    }
}

#[test]
fn a_damaged_file_is_named() {
    let whole = Copy::new().read(FILE);
    let with_length = |length: u64| [&length.to_le_bytes()[..], &whole[8..]].concat();
    let mut broken_header = whole.clone();
    broken_header[20] = 0xff;
    let longer = [&whole[..], b"more"].concat();
    let page = b"<!DOCTYPE html><html><body>Not found</body></html>".to_vec();
    for content in [with_length(u64::MAX), with_length(0), with_length(1 << 40), broken_header, longer, page]
    {
        let copy = Copy::new();
        let error = copy.write(FILE, content).error(FILE);
        assert!(matches!(error, ModelError::Safetensors { .. }), "{error:?}");
    }
}

#[test]
fn a_missing_tensor_is_called_by_its_name_in_the_file() {
    for name in [
        "embeddings.word_embeddings.weight",
        "embeddings.LayerNorm.bias",
        "encoder.layer.0.attention.self.query.weight",
        "encoder.layer.0.output.LayerNorm.weight",
    ] {
        let copy = Copy::new();
        copy.edit_tensors(FILE, |tensors| assert!(tensors.remove(name).is_some(), "{name}"));
        let error = copy.load().unwrap_err();
        assert!(chain(&error).contains(&copy.folder().display().to_string()), "{}", chain(&error));
        assert_hint(&error, "mbed model verify");
        let ModelError::MissingTensors { missing, .. } = error else { panic!("{name}: {error:?}") };
        assert_eq!(missing, [name]);
    }
    let copy = Copy::new();
    copy.edit_tensors("2_Dense/model.safetensors", |tensors| _ = tensors.remove("linear.weight"));
    let error = tensor_error(copy.load().unwrap_err());
    assert!(matches!(&error, TensorError::Missing { name } if name == "linear.weight"), "{error:?}");
}

#[test]
fn missing_and_extra_tensors_are_all_listed() {
    let copy = Copy::new();
    copy.edit_tensors(FILE, |tensors| {
        let prefix = "encoder.layer.0.attention";
        let inside: Vec<String> = tensors.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        for name in inside {
            let tensor = tensors.remove(&name).unwrap();
            tensors.insert(name.replace("attention", "attn"), tensor);
        }
    });
    let error = copy.load().unwrap_err();
    let message = chain(&error);
    assert!(
        message.contains("lacks 10 tensors (`encoder.layer.0.attention.self.query.weight`, "),
        "{message}"
    );
    let ModelError::MissingTensors { missing, unused, .. } = error else { panic!("{error:?}") };
    assert_eq!((missing.len(), missing.iter().filter(|name| name.contains("attention")).count()), (10, 10));
    assert_eq!(unused.iter().filter(|name| name.contains("attn")).count(), 10);
}

#[test]
fn tensors_that_nothing_asks_for_are_known() {
    let copy = Copy::of("mistral-window");
    assert_eq!(copy.load().unwrap().unused_tensors, ["lm_head.weight"]);
    assert!(Copy::of("distilbert-mean").load().unwrap().unused_tensors.is_empty());
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let name = "encoder.layer.0.intermediate.dense.weight";
    for (file, name) in [(FILE, name), ("2_Dense/model.safetensors", "linear.weight")] {
        for bad in [f32::NAN, f32::INFINITY] {
            let copy = Copy::new();
            copy.edit_tensors(file, |tensors| {
                tensors.get_mut(name).unwrap().2[20..24].copy_from_slice(&bad.to_le_bytes());
            });
            let error = copy.load().unwrap_err();
            assert_hint(&error, "bfloat16");
            let ModelError::NotFinite { tensor, index, folder } = error else { panic!("{error:?}") };
            assert_eq!((tensor.as_str(), index), (name, 5));
            assert!(copy.path(file).starts_with(folder));
        }
    }
}

#[test]
fn a_tensor_of_a_wrong_shape_tells_both_shapes() {
    let name = "encoder.layer.0.intermediate.dense.weight";
    for wrong in [vec![32, 64], vec![2048], vec![64, 32, 1], vec![1, 64, 32]] {
        let copy = Copy::new();
        copy.edit_tensors(FILE, |tensors| tensors.get_mut(name).unwrap().1.clone_from(&wrong));
        let TensorError::WrongShape { name: named, expected, got } = tensor_error(copy.load().unwrap_err())
        else {
            panic!("{wrong:?}")
        };
        assert_eq!((named.as_ref(), expected, got), (name, vec![64, 32], wrong));
    }
}

#[test]
fn weights_stored_as_whole_numbers_are_refused_by_their_type() {
    let name = "encoder.layer.0.intermediate.dense.weight";
    let copy = Copy::new();
    copy.edit_tensors(FILE, |tensors| {
        let (_, shape, _) = &tensors[name];
        let data = vec![0; shape.iter().product()];
        tensors.insert(name.to_owned(), (Dtype::I8, shape.clone(), data));
        // Buffers that nothing asks for may have any type.
        tensors.insert("embeddings.position_ids".to_owned(), (Dtype::I64, vec![2], vec![0; 16]));
    });
    let error = copy.error(FILE);
    assert_hint(&error, "F32, F16, BF16 or F64");
    let ModelError::StoredType { tensor, stored, .. } = error else { panic!("{error:?}") };
    assert_eq!((tensor.as_str(), stored.as_str()), (name, "I8"));
}

#[test]
fn an_index_stays_inside_its_folder() {
    for file in ["../model.safetensors", "/model.safetensors", "a/model.safetensors", "..", ".", ""] {
        let copy = Copy::of("bert-legacy");
        copy.edit(INDEX, |index| {
            index["weight_map"]["bert.embeddings.word_embeddings.weight"] = json!(file);
        });
        let error = copy.error(INDEX);
        let ModelError::OutsideFolder { file: named, .. } = error else { panic!("{file}: {error:?}") };
        assert_eq!(named, file);
    }
}

#[test]
fn an_index_that_names_an_absent_file_is_refused() {
    let shard = "model-00002-of-00002.safetensors";
    let copy = Copy::of("bert-legacy");
    let error = copy.remove(shard).error(shard);
    assert!(matches!(error, ModelError::Missing { .. } | ModelError::Read { .. }), "{error:?}");
    let copy = Copy::of("bert-legacy");
    let content = copy.read(shard);
    let error = copy.write(shard, &content[..content.len() - 2]).error(shard);
    assert!(matches!(error, ModelError::Safetensors { .. }), "{error:?}");
    for broken in ["{}", "{\"weight_map\": [1]}", "{\"weight_map\": {\"a\": 1}}"] {
        let copy = Copy::of("bert-legacy");
        let error = copy.write(INDEX, broken).error(INDEX);
        assert!(matches!(error, ModelError::Json { .. }), "{broken}: {error:?}");
    }
}

#[test]
fn an_index_of_nothing_lacks_every_tensor() {
    let copy = Copy::of("bert-legacy");
    copy.edit(INDEX, |index| index["weight_map"] = json!({}));
    let error = copy.load().unwrap_err();
    assert!(matches!(&error, ModelError::MissingTensors { missing, .. } if missing.len() == 37), "{error:?}");
}
