//! Which variable counts where several are set.

use std::fs;
use std::path::{Path, PathBuf};

use mbed_config::{ConfigError, Environment, Platform};
use tempfile::TempDir;

fn environment(platform: Platform, variables: &[(&str, &str)]) -> Environment {
    Environment::from_lookup(platform, |name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    })
}

#[test]
fn the_hugging_face_cache_is_where_python_has_it() {
    let check = |variables: &[(&str, &str)], expected: Option<&str>| {
        let found = environment(Platform::Unix, variables).hub_cache();
        assert_eq!(found.as_deref(), expected.map(Path::new), "{variables:?}");
    };
    let everything = [
        ("HF_HUB_CACHE", "/a"),
        ("HUGGINGFACE_HUB_CACHE", "/b"),
        ("HF_HOME", "/c"),
        ("XDG_CACHE_HOME", "/d"),
        ("HOME", "/e"),
    ];
    check(&everything, Some("/a"));
    check(&everything[1..], Some("/b"));
    check(&everything[2..], Some("/c/hub"));
    check(&everything[3..], Some("/d/huggingface/hub"));
    check(&everything[4..], Some("/e/.cache/huggingface/hub"));
    check(&[], None);
    check(&[("HF_HUB_CACHE", ""), ("HOME", "/e")], Some("/e/.cache/huggingface/hub"));
    check(&[("HF_HOME", "~/x"), ("HOME", "/e")], Some("/e/x/hub"));
    check(&[("HF_HOME", "~x"), ("HOME", "/e")], Some("~x/hub"));
}

#[test]
fn mbeds_own_cache_follows_the_platform() {
    let check = |platform, variables: &[(&str, &str)], expected: Option<PathBuf>| {
        assert_eq!(environment(platform, variables).mbed_cache(), expected, "{platform:?} {variables:?}");
    };
    let home = ("HOME", "home");
    let join = |parts: &[&str]| Some(parts.iter().collect::<PathBuf>());
    check(Platform::Unix, &[home], join(&["home", ".cache", "mbed"]));
    check(Platform::Unix, &[home, ("XDG_CACHE_HOME", "xdg")], join(&["xdg", "mbed"]));
    check(Platform::MacOs, &[home, ("XDG_CACHE_HOME", "xdg")], join(&["home", "Library", "Caches", "mbed"]));
    check(Platform::Windows, &[("LOCALAPPDATA", "local"), ("USERPROFILE", "user")], join(&["local", "mbed"]));
    check(Platform::Windows, &[("USERPROFILE", "user")], join(&["user", "AppData", "Local", "mbed"]));
    for platform in [Platform::Unix, Platform::MacOs, Platform::Windows] {
        check(platform, &[home, ("MBED_CACHE", "mine")], join(&["mine"]));
        check(platform, &[], None);
    }
}

#[test]
fn offline_means_what_it_means_to_python() {
    let check = |variables: &[(&str, &str)], expected: Option<&str>| {
        assert_eq!(environment(Platform::Unix, variables).offline.as_deref(), expected, "{variables:?}");
    };
    check(&[], None);
    check(&[("HF_HUB_OFFLINE", "1")], Some("HF_HUB_OFFLINE=1"));
    check(&[("HF_HUB_OFFLINE", "yes")], Some("HF_HUB_OFFLINE=yes"));
    check(&[("HF_HUB_OFFLINE", "On")], Some("HF_HUB_OFFLINE=On"));
    check(&[("TRANSFORMERS_OFFLINE", "TRUE")], Some("TRANSFORMERS_OFFLINE=TRUE"));
    check(&[("HF_HUB_OFFLINE", ""), ("TRANSFORMERS_OFFLINE", "1")], Some("TRANSFORMERS_OFFLINE=1"));
    check(&[("HF_HUB_OFFLINE", "0"), ("TRANSFORMERS_OFFLINE", "1")], None);
    check(&[("HF_HUB_OFFLINE", "2")], None);
}

#[test]
fn the_token_is_taken_from_a_variable_then_from_a_file() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("token"), " from-file\n").unwrap();
    fs::write(folder.path().join("empty"), "\n").unwrap();
    let home = ("HF_HOME", folder.path().to_str().unwrap());
    let empty = folder.path().join("empty");
    let check = |variables: &[(&str, &str)], expected: Option<&str>| {
        let found = environment(Platform::Unix, variables).hub_token().unwrap();
        assert_eq!(found.as_deref(), expected, "{variables:?}");
    };
    check(&[home, ("HF_TOKEN", "new\n"), ("HUGGING_FACE_HUB_TOKEN", "old")], Some("new"));
    check(&[home, ("HUGGING_FACE_HUB_TOKEN", "old")], Some("old"));
    check(&[home], Some("from-file"));
    check(&[home, ("HF_TOKEN_PATH", empty.to_str().unwrap())], None);
    check(&[home, ("HF_TOKEN_PATH", "/no/such/file")], None);
    check(&[], None);
    let unreadable = environment(Platform::Unix, &[("HF_TOKEN_PATH", folder.path().to_str().unwrap())]);
    assert!(matches!(unreadable.hub_token(), Err(ConfigError::TokenFile { .. })));
}

#[test]
fn a_token_is_not_shown() {
    let environment = environment(Platform::Unix, &[("HF_TOKEN", "secret")]);
    assert!(!format!("{environment:?}").contains("secret"));
}

#[test]
fn a_mirror_is_taken_without_its_last_slash() {
    let environment = environment(Platform::Unix, &[("HF_ENDPOINT", "https://mirror.example/")]);
    assert_eq!(environment.hub_endpoint(), Some("https://mirror.example"));
}
