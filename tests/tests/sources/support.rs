//! Small models, caches of them, and a place of their own for each test.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use mbed_core::{Progress, Silent, Task};
use mbed_model::{Attempt, KnownModels, Locations, Network, ResolvedModel, SourceError, resolve};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// The model that most tests ask for.
pub(crate) const MODEL: &str = "tiny/model";
/// A commit.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// Another commit.
pub(crate) const OTHER_COMMIT: &str = "fedcba9876543210fedcba9876543210fedcba98";

const MODULES: &str = r#"[
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]"#;

/// Files by path.
pub(crate) type Files = BTreeMap<&'static str, Vec<u8>>;

/// The files of a model that has all it needs, and two that nobody needs.
pub(crate) fn model_files() -> Files {
    let files: [(&str, &[u8]); 7] = [
        ("modules.json", MODULES.as_bytes()),
        ("config.json", b"{}"),
        ("tokenizer.json", b"{\"tokens\": []}"),
        ("1_Pooling/config.json", b"{\"pooling_mode\": \"mean\"}"),
        ("model.safetensors", &[7; 5000]),
        ("README.md", b"read me"),
        ("pytorch_model.bin", b"pickled"),
    ];
    files.into_iter().map(|(name, content)| (name, content.to_vec())).collect()
}

/// The files out of [`model_files`] that loading takes.
pub(crate) const NEEDED: [&str; 5] =
    ["1_Pooling/config.json", "config.json", "model.safetensors", "modules.json", "tokenizer.json"];

pub(crate) fn write_files(folder: &Path, files: &Files) {
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

pub(crate) fn hex_sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder of its own with caches that are empty, and a network that is off.
pub(crate) struct Place {
    pub root: TempDir,
    pub locations: Locations,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with_known(KnownModels::default())
    }

    pub(crate) fn with_known(known: KnownModels) -> Self {
        let root = TempDir::new().unwrap();
        let mut locations = Locations::new(root.path().join("hub"), root.path().join("models"), known);
        locations.network = Network::Offline { because: "the test says so".to_owned() };
        locations.patience = Duration::from_millis(1500);
        // Port 9 of this machine: nothing answers there.
        locations.endpoint = "http://127.0.0.1:9".to_owned();
        locations.python = root.path().join("no-python");
        Self { root, locations }
    }

    pub(crate) fn resolve(&self, id: &str) -> Result<ResolvedModel, SourceError> {
        resolve(id, None, &self.locations, &Silent)
    }

    /// Lays out a snapshot as `huggingface_hub` does: blobs by digest, links to them.
    pub(crate) fn cache_snapshot(&self, commit: &str, files: &Files) -> PathBuf {
        let repository = self.repository();
        let snapshot = repository.join("snapshots").join(commit);
        let blobs = repository.join("blobs");
        fs::create_dir_all(&blobs).unwrap();
        for (name, content) in files {
            let blob = blobs.join(hex_sha256(content));
            fs::write(&blob, content).unwrap();
            let link = snapshot.join(name);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            #[cfg(unix)]
            std::os::unix::fs::symlink(&blob, &link).unwrap();
            #[cfg(not(unix))]
            fs::copy(&blob, &link).unwrap();
        }
        snapshot
    }

    pub(crate) fn cache_ref(&self, name: &str, commit: &str) {
        let path = self.repository().join("refs").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, commit).unwrap();
    }

    /// The folder of [`MODEL`] in the Hugging Face cache.
    pub(crate) fn repository(&self) -> PathBuf {
        self.locations.hub_cache.join("models--tiny--model")
    }
}

/// What each source said to a search that found nothing.
#[track_caller]
pub(crate) fn attempts(result: Result<ResolvedModel, SourceError>) -> Vec<Attempt> {
    match result {
        Err(SourceError::NotFound { attempts, .. }) => attempts,
        other => panic!("a search that finds nothing was expected, got {other:?}"),
    }
}

/// A listener that keeps what it hears.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<(String, Option<u64>, u64)>>);

impl Heard {
    /// Label, total and sum of what was advanced, of every task that ended.
    pub(crate) fn tasks(&self) -> Vec<(String, Option<u64>, u64)> {
        let mut tasks = self.0.lock().unwrap().clone();
        let open = tasks.pop();
        assert_eq!(open, Some((String::new(), None, 0)), "every task that begins must end");
        tasks
    }
}

impl Progress for Heard {
    fn begin(&self, task: &Task, total: Option<u64>) {
        let Task::Download(label) = task else { panic!("{task:?}") };
        let mut tasks = self.0.lock().unwrap();
        tasks.pop_if(|task| task.0.is_empty());
        tasks.push((label.clone(), total, 0));
    }

    fn advance(&self, amount: u64, _tokens: u64) {
        self.0.lock().unwrap().last_mut().unwrap().2 += amount;
    }

    fn end(&self) {
        self.0.lock().unwrap().push((String::new(), None, 0));
    }
}
