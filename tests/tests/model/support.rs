//! A copy of a fixture that can be damaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mbed_core::{Hint, ModelSource};
use mbed_model::{Model, ModelError, load_folder};
use mbed_tests::models;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tempfile::TempDir;

/// A copy of a fixture that can be damaged.
pub(crate) struct Copy(TempDir);

impl Copy {
    /// A model with every part that a BERT can have: pooling, a Dense stage, Normalize.
    pub(crate) fn new() -> Self {
        Self::of("bert-dense-identity")
    }

    pub(crate) fn of(fixture: &str) -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        copy_folder(&models::fixture(fixture).unwrap().folder, copy.0.path());
        copy
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.path(file)).unwrap()
    }

    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) -> &Self {
        fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
        fs::write(self.path(file), content).unwrap();
        self
    }

    pub(crate) fn remove(&self, file: &str) -> &Self {
        fs::remove_file(self.path(file)).unwrap();
        self
    }

    /// Changes a JSON file.
    pub(crate) fn edit(&self, file: &str, change: impl FnOnce(&mut Value)) -> &Self {
        let mut value: Value = serde_json::from_slice(&self.read(file)).unwrap();
        change(&mut value);
        self.write(file, value.to_string())
    }

    /// Changes the tensors of a file, which are all binary32.
    pub(crate) fn edit_tensors(&self, file: &str, change: impl FnOnce(&mut Tensors)) -> &Self {
        let bytes = self.read(file);
        let mut tensors = Tensors::new();
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
            assert_eq!(view.dtype(), Dtype::F32);
            tensors.insert(name, (Dtype::F32, view.shape().to_vec(), view.data().to_vec()));
        }
        change(&mut tensors);
        let views = tensors.iter().map(|(name, (dtype, shape, data))| {
            (name, TensorView::new(*dtype, shape.clone(), data).unwrap())
        });
        let bytes = safetensors::serialize(views, None).unwrap();
        self.write(file, bytes)
    }

    pub(crate) fn load(&self) -> Result<Model, ModelError> {
        load_folder(self.folder())
    }

    /// The error of loading it, which must name `file` of this folder.
    pub(crate) fn error(&self, file: &str) -> ModelError {
        let error = match self.load() {
            Err(error) => error,
            Ok(model) => panic!("it was loaded as {model:?}, `{file}` notwithstanding"),
        };
        let path = self.path(file).display().to_string();
        let message = chain(&error);
        assert!(message.contains(&format!("`{path}`")), "`{path}` is not named in: {message}");
        error
    }

    /// As [`Copy::error`] for a value that cannot be right: gives key, value and what would be accepted.
    pub(crate) fn config_error(&self, file: &str) -> (String, String, String) {
        match self.error(file) {
            ModelError::Config { key, value, expected, .. } => (key, value, expected),
            other => panic!("{other:?}"),
        }
    }
}

/// Tensors by name: type, shape, values.
pub(crate) type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// The message of an error with those of its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    mbed_tests::Failure::from(error).to_string()
}

/// Proves that there is advice which holds `part`.
pub(crate) fn assert_hint(error: &impl Hint, part: &str) {
    let hint = error.hint().unwrap_or_default();
    assert!(hint.contains(part), "the hint is `{hint}`");
}

/// The spec of a model that has one.
pub(crate) fn spec(model: &Model) -> &mbed_core::spec::EncoderSpec {
    match &model.source {
        ModelSource::Spec { spec, .. } => spec,
        other => panic!("{other:?}"),
    }
}
