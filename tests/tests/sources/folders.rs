//! Models that are given as folders, and names that are neither folders nor models.

use std::fs;

use mbed_core::{Hint, Silent};
use mbed_model::{Origin, SourceError, resolve};

use crate::support::{Place, model_files, write_files};

#[test]
fn a_folder_with_a_model_is_taken_as_it_is() {
    let place = Place::new();
    let folder = place.root.path().join("mine");
    for only in ["config.json", "modules.json"] {
        let mut files = model_files();
        files.retain(|name, _| *name == only);
        write_files(&folder.join(only), &files);
        let found = place.resolve(folder.join(only).to_str().unwrap()).unwrap();
        assert_eq!((found.folder, found.origin), (folder.join(only), Origin::Folder));
    }
}

#[test]
fn what_looks_like_a_path_is_not_looked_for_elsewhere() {
    let place = Place::new();
    let folder = place.root.path().join("empty");
    fs::create_dir(&folder).unwrap();
    let error = place.resolve(folder.to_str().unwrap()).unwrap_err();
    assert!(matches!(&error, SourceError::NotAModelFolder { path } if *path == folder), "{error:?}");
    let file = folder.join("model.safetensors");
    fs::write(&file, "").unwrap();
    for path in
        ["./no/such", "../no/such", "/no/such", "~/no/such", ".", "C:\\models\\mine", file.to_str().unwrap()]
    {
        let error = place.resolve(path).unwrap_err();
        let expected =
            matches!(error, SourceError::NoSuchFolder { .. } | SourceError::NotAModelFolder { .. });
        assert!(expected && error.hint().is_some(), "{path}: {error:?}");
    }
}

#[test]
fn names_and_revisions_are_checked_before_anything_is_asked() {
    let place = Place::new();
    for name in ["", "a/b/c", "a b", "a/../b", "a--b"] {
        let error = place.resolve(name).unwrap_err();
        assert!(
            matches!(error, SourceError::InvalidName { .. }) && error.hint().is_some(),
            "{name}: {error:?}"
        );
    }
    let error = resolve("a/b", Some("../main"), &place.locations, &Silent).unwrap_err();
    assert!(matches!(error, SourceError::InvalidRevision { .. }), "{error:?}");
}

#[test]
fn a_folder_has_no_revisions() {
    let place = Place::new();
    let folder = place.root.path().join("mine");
    write_files(&folder, &model_files());
    let error = resolve(folder.to_str().unwrap(), Some("main"), &place.locations, &Silent).unwrap_err();
    assert!(matches!(error, SourceError::NoRevisions { .. }), "{error:?}");
}
