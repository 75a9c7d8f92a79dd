//! Files that are missing or are not what they should be.

use std::fs;

use mbed_core::spec::Pooling;
use mbed_model::{ModelError, load_folder};

use crate::support::{Copy, assert_hint, chain, spec};

/// Every JSON file of a folder that is read.
const JSON: [&str; 7] = [
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
    "2_Dense/config.json",
];

#[test]
fn an_untouched_copy_is_loaded() {
    let model = Copy::new().load().unwrap();
    assert_eq!((spec(&model).dimensions(), model.text.max_tokens), (24, 48));
}

#[test]
fn a_missing_file_is_named() {
    let needed = [
        ("config.json", "whole model"),
        ("tokenizer.json", "save_pretrained"),
        ("model.safetensors", "pytorch_model.bin"),
        ("1_Pooling/config.json", "whole model"),
        ("2_Dense/config.json", "whole model"),
        ("2_Dense/model.safetensors", "pytorch_model.bin"),
    ];
    for (file, hint) in needed {
        let copy = Copy::new();
        let error = copy.remove(file).error(file);
        assert!(matches!(error, ModelError::Missing { .. }), "{file}: {error:?}");
        assert_hint(&error, hint);
    }
}

#[test]
fn a_folder_without_anything_misses_its_config() {
    let empty = tempfile::tempdir().unwrap();
    for folder in [empty.path().to_owned(), empty.path().join("absent")] {
        let error = load_folder(&folder).unwrap_err();
        let ModelError::Missing { path } = error else { panic!("{error:?}") };
        assert_eq!(path, folder.join("config.json"));
    }
}

#[test]
fn a_folder_without_modules_is_pooled_by_the_mean_as_the_library_does() {
    let copy = Copy::new();
    let model = copy.remove("modules.json").load().unwrap();
    assert_eq!(spec(&model).head.pooling, [Pooling::Mean]);
    assert!(spec(&model).head.stages.is_empty());
}

#[test]
fn broken_json_is_named_with_its_place() {
    for file in JSON {
        let content = Copy::new().read(file);
        let cut = content[..content.len() / 2].to_vec();
        let not_text = [&content[..2], b"\xff\xfe", &content[2..]].concat();
        for broken in [Vec::new(), cut, not_text, b"42".to_vec(), b"\"text\"".to_vec()] {
            let copy = Copy::new();
            let error = copy.write(file, &broken).error(file);
            assert!(matches!(error, ModelError::Json { .. }), "{file}: {error:?}");
            assert!(chain(&error).contains("line "), "{}", chain(&error));
            assert_hint(&error, "mbed model pull --force");
        }
    }
}

#[test]
fn json_that_nests_without_end_is_refused() {
    for file in JSON {
        let copy = Copy::new();
        let error = copy.write(file, "[".repeat(1_000_000)).error(file);
        assert!(matches!(error, ModelError::Json { .. }), "{file}: {error:?}");
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_named() {
    for file in ["config.json", "modules.json", "tokenizer.json", "model.safetensors"] {
        let copy = Copy::new();
        copy.remove(file);
        fs::create_dir(copy.path(file)).unwrap();
        let error = copy.error(file);
        assert!(matches!(error, ModelError::Read { .. }), "{file}: {error:?}");
    }
}
