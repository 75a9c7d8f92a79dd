//! Profiles in their folder: written whole, read back, moved aside where they are broken.

use std::fs;
use std::thread;

use mbed_core::{Capabilities, DeviceId, Precision};
use mbed_engine::memory::{CostModel, Learnt, ProfileKey, ProfileStore};
use mbed_tests::simulator::Simulator;

fn key(model: &str) -> ProfileKey {
    ProfileKey {
        fingerprint: format!("{model}0123456789abcdef"),
        model: model.to_owned(),
        backend: "cpu".to_owned(),
        device: "A processor (of some kind)".to_owned(),
        precision: "f32".to_owned(),
    }
}

fn learnt(tokens: usize) -> Learnt {
    let capabilities = Capabilities::new(DeviceId::new("cpu", 0), Precision::F32, 4, 512);
    Learnt { cost: CostModel::new(&Simulator::spec(512), &capabilities), tokens, curve: Vec::new() }
}

#[test]
fn what_is_saved_is_loaded_again_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = ProfileStore::new(folder.path().join("profiles"));
    assert!(store.load(&key("a")).is_none() && store.list().unwrap().is_empty());
    let path = store.save(&key("a"), learnt(4096)).unwrap();
    store.save(&key("b"), learnt(512)).unwrap();
    assert_eq!(store.load(&key("a")).unwrap().learnt, learnt(4096));
    assert!(store.load(&ProfileKey { precision: "bf16".to_owned(), ..key("a") }).is_none());
    // The same file name, another device.
    assert!(
        store.load(&ProfileKey { device: "A processor [of some kind]".to_owned(), ..key("a") }).is_none()
    );
    assert_eq!(store.list().unwrap().len(), 2);
    assert!(path.is_file());
    assert_eq!(store.clear().unwrap(), 2);
    assert!(store.list().unwrap().is_empty());
}

#[test]
fn a_broken_file_is_moved_aside_and_one_of_another_version_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = ProfileStore::new(folder.path().to_owned());
    let path = store.save(&key("a"), learnt(4096)).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let first =
        serde_json::from_str::<serde_json::Value>(&good).unwrap()["learnt"]["cost"]["bytes"][0].clone();
    let negative = good.replace(&format!("{first},"), "-5.0,");
    assert_ne!(good, negative);
    for broken in [&good[..good.len() / 2], "", "[1, 2]", &negative] {
        fs::write(&path, broken).unwrap();
        assert!(store.load(&key("a")).is_none());
        assert!(!path.exists() && path.with_extension("corrupt").exists());
    }
    fs::write(&path, good.replace("\"version\": 1", "\"version\": 2")).unwrap();
    assert!(store.load(&key("a")).is_none());
    assert!(path.exists(), "a later mbed may still want it");
}

#[test]
fn many_writers_at_once_leave_one_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = ProfileStore::new(folder.path().to_owned());
    store.save(&key("a"), learnt(1)).unwrap();
    thread::scope(|scope| {
        for writer in 1..5 {
            let store = &store;
            scope.spawn(move || {
                for _ in 0..20 {
                    store.save(&key("a"), learnt(writer)).unwrap();
                    assert!(store.load(&key("a")).is_some());
                }
            });
        }
    });
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
