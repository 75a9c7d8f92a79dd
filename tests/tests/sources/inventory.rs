//! Listing what is here, and reading it again.

use std::fs;

use mbed_core::Bytes;
use mbed_model::{FileCheck, Origin, Verdict, list, verify};

use crate::support::{COMMIT, MODEL, OTHER_COMMIT, Place, hex_sha256, model_files, write_files};

fn verdicts(checks: &[FileCheck]) -> Vec<(&str, Verdict)> {
    checks.iter().map(|check| (check.file.as_str(), check.verdict)).collect()
}

/// A folder in the model cache as a wheel leaves it.
fn store_wheel(place: &Place) -> std::path::PathBuf {
    let folder = place.locations.model_cache.join("models--tiny--model/tiny-wheel-1.0");
    write_files(&folder, &model_files());
    let files: serde_json::Map<String, serde_json::Value> = model_files()
        .iter()
        .map(|(name, content)| {
            let entry = serde_json::json!({"bytes": content.len(), "sha256": hex_sha256(content)});
            ((*name).to_owned(), entry)
        })
        .collect();
    let manifest =
        serde_json::json!({"id": MODEL, "package": "tiny-wheel", "version": "1.0", "files": files});
    fs::write(folder.join("mbed-source.json"), manifest.to_string()).unwrap();
    folder
}

#[test]
fn caches_that_do_not_exist_are_empty() {
    assert_eq!(list(&Place::new().locations).unwrap(), []);
}

#[test]
fn whole_models_of_all_caches_are_listed() {
    let place = Place::new();
    let snapshot = place.cache_snapshot(COMMIT, &model_files());
    let mut lacking = model_files();
    lacking.remove("model.safetensors");
    lacking.remove("pytorch_model.bin");
    place.cache_snapshot(OTHER_COMMIT, &lacking);
    let stored = store_wheel(&place);
    // Things that other tools keep there.
    fs::create_dir_all(place.locations.hub_cache.join("datasets--a--b/snapshots/0")).unwrap();
    fs::write(place.locations.hub_cache.join("version.txt"), "1").unwrap();
    fs::create_dir_all(place.locations.model_cache.join(".incoming-x/model")).unwrap();

    let size: usize = model_files().values().map(Vec::len).sum();
    let found = list(&place.locations).unwrap();
    let [cached, wheel] = &found[..] else { panic!("{found:?}") };
    assert_eq!(
        (cached.id.as_str(), cached.revision.as_deref(), &cached.folder),
        (MODEL, Some(COMMIT), &snapshot)
    );
    assert_eq!(cached.bytes, Bytes::from(size));
    assert_eq!(cached.origin, Origin::HubCache { revision: COMMIT.to_owned() });
    assert_eq!((wheel.id.as_str(), &wheel.revision, &wheel.folder), (MODEL, &None, &stored));
    assert_eq!(wheel.origin, Origin::Wheel { package: "tiny-wheel".to_owned(), version: "1.0".to_owned() });
}

#[test]
fn a_model_that_writes_text_is_not_listed() {
    let check = |config: &str, listed: usize| {
        let place = Place::new();
        let mut files = model_files();
        files.remove("modules.json");
        files.insert("config.json", config.as_bytes().to_vec());
        place.cache_snapshot(COMMIT, &files);
        assert_eq!(list(&place.locations).unwrap().len(), listed, "{config}");
    };
    check(r#"{"architectures": ["BertModel"]}"#, 1);
    check(r#"{}"#, 1);
    check(r#"{"architectures": ["LlamaForCausalLM"]}"#, 0);
    check(r#"{"architectures": ["T5ForConditionalGeneration"]}"#, 0);
}

#[cfg(unix)]
#[test]
fn a_cached_file_is_compared_with_the_name_of_its_blob() {
    let place = Place::new();
    let snapshot = place.cache_snapshot(COMMIT, &model_files());
    place.cache_ref("main", COMMIT);
    // Git calls small files by a digest that is no SHA-256.
    let config = snapshot.join("config.json");
    let blob = config.canonicalize().unwrap();
    let short = blob.with_file_name(&hex_sha256(b"{}")[..40]);
    fs::rename(&blob, &short).unwrap();
    fs::remove_file(&config).unwrap();
    std::os::unix::fs::symlink(&short, &config).unwrap();

    let checks = verify(MODEL, None, &place.locations).unwrap();
    let files: Vec<_> = model_files().into_keys().collect();
    assert!(checks.iter().map(|check| check.file.as_str()).eq(files), "{checks:?}");
    for (file, verdict) in verdicts(&checks) {
        let expected = if file == "config.json" { Verdict::Unpinned } else { Verdict::Matches };
        assert_eq!(verdict, expected, "{file}");
    }

    fs::write(snapshot.join("model.safetensors"), vec![8; 5000]).unwrap();
    let checks = verify(MODEL, None, &place.locations).unwrap();
    let expected = Verdict::Differs {
        expected: hex_sha256(&[7; 5000]).parse().unwrap(),
        got: hex_sha256(&[8; 5000]).parse().unwrap(),
    };
    assert!(verdicts(&checks).contains(&("model.safetensors", expected)), "{checks:?}");
}

#[test]
fn a_folder_out_of_a_wheel_is_compared_with_what_was_unpacked() {
    let place = Place::new();
    let folder = store_wheel(&place);
    let path = folder.to_str().unwrap();
    let check = |expected: Option<&str>| {
        let checks = verify(path, None, &place.locations).unwrap();
        let bad: Vec<_> = checks.iter().filter(|check| check.verdict != Verdict::Matches).collect();
        assert_eq!(checks.len(), model_files().len());
        assert_eq!(bad.first().map(|check| check.file.as_str()), expected, "{bad:?}");
    };
    check(None);
    fs::write(folder.join("tokenizer.json"), "{\"tokens\": [] ").unwrap();
    check(Some("tokenizer.json"));
    fs::remove_file(folder.join("README.md")).unwrap();
    check(Some("README.md"));
    let checks = verify(path, None, &place.locations).unwrap();
    assert!(verdicts(&checks).contains(&("README.md", Verdict::Missing)), "{checks:?}");
}

#[test]
fn of_a_plain_folder_nothing_is_known() {
    let place = Place::new();
    let folder = place.root.path().join("mine");
    write_files(&folder, &model_files());
    let checks = verify(folder.to_str().unwrap(), None, &place.locations).unwrap();
    assert!(
        checks.iter().all(|check| check.verdict == Verdict::Unpinned) && checks.len() == model_files().len()
    );
}
