//! Models with known vectors: the tiny ones beside the tests, and the default model where this machine has it.

use std::fs;
use std::path::{Path, PathBuf};

use mbed_config::Environment;
use mbed_core::settings::{ModelSettings, PromptChoice};
use mbed_core::{ModelSource, Silent, TextSpec, Token};
use mbed_model::{KnownModels, Locations, Network};
use mbed_text::{Encoded, TextEncoder, TextOptions};
use serde::Deserialize;

use crate::{Failure, Golden, GoldenFiles};

/// A model on disk, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFolder {
    /// What it is called in the name of a test.
    pub name: String,
    /// Where it lies.
    pub folder: PathBuf,
    /// Where its known vectors lie.
    pub golden: GoldenFiles,
    /// `model_type` of its `config.json`; `static` where there is none, as only static models do without.
    pub architecture: String,
}

/// A model with its texts and their known vectors.
#[derive(Clone, Debug)]
pub struct GoldenModel {
    /// What a backend opens.
    pub source: ModelSource,
    /// What happens to a text first.
    pub text: TextSpec,
    /// The texts and their vectors.
    pub golden: Golden,
}

/// The part of `config.json` that is looked at here.
#[derive(Deserialize)]
struct Config {
    model_type: String,
}

/// The folder of fixtures.
#[must_use]
pub fn fixtures_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The tiny models beside the tests, in the order of their names.
///
/// # Errors
/// The folder cannot be listed, or one of the models has no readable `config.json`.
pub fn fixtures() -> Result<Vec<ModelFolder>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir(fixtures_folder().join("models"))? {
        let entry = entry?;
        let (name, folder) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        found.push(ModelFolder::new(name, GoldenFiles::in_folder(&folder), folder)?);
    }
    found.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(found)
}

/// The fixture of this name.
///
/// # Errors
/// It is not there, or has no readable `config.json`.
pub fn fixture(name: &str) -> Result<ModelFolder, Failure> {
    let folder = fixtures_folder().join("models").join(name);
    ModelFolder::new(name.to_owned(), GoldenFiles::in_folder(&folder), folder)
}

/// The default model, if it is on this machine; nothing is fetched. Its known vectors lie beside the tests.
///
/// # Errors
/// It is not here: what each source said.
pub fn default_model() -> Result<ModelFolder, Failure> {
    let environment = Environment::read();
    let nowhere = || Failure::new("nothing tells where models are kept");
    let hub_cache = environment.hub_cache().ok_or_else(nowhere)?;
    // The same folder below mbed's cache as the facade takes.
    let model_cache = environment.mbed_cache().ok_or_else(nowhere)?.join("models");
    let mut locations = Locations::new(hub_cache, model_cache, KnownModels::built_in()?);
    locations.network = Network::Offline { because: "tests fetch nothing".to_owned() };
    let resolved = mbed_model::resolve(&ModelSettings::default().id, None, &locations, &Silent)?;
    let beside = |name: &str| fixtures_folder().join(name);
    let golden = GoldenFiles {
        description: beside("default-model.json"),
        vectors: beside("default-model.npy"),
        prompted: beside("default-model.prompt.npy"),
    };
    ModelFolder::new("default-model".to_owned(), golden, resolved.folder)
}

impl ModelFolder {
    fn new(name: String, golden: GoldenFiles, folder: PathBuf) -> Result<Self, Failure> {
        let path = folder.join("config.json");
        if !path.exists() {
            return Ok(Self { name, folder, golden, architecture: "static".to_owned() });
        }
        let named = |failure: Failure| failure.during(&format!("reading `{}`", path.display()));
        let bytes = fs::read(&path).map_err(|error| named(error.into()))?;
        let config: Config = serde_json::from_slice(&bytes).map_err(|error| named(error.into()))?;
        Ok(Self { name, folder, golden, architecture: config.model_type })
    }

    /// Whether there are vectors with a prompt.
    #[must_use]
    pub fn has_prompted(&self) -> bool {
        self.golden.prompted.exists()
    }

    /// Reads the model and its known vectors.
    ///
    /// # Errors
    /// Either cannot be read, or the folder is read as saying something else about lengths than its golden.
    pub fn load(&self) -> Result<GoldenModel, Failure> {
        let model = mbed_model::load_folder(&self.folder)?;
        let golden = self.golden.read()?;
        if let Some(expected) = golden.max_tokens.filter(|&expected| expected != model.text.max_tokens) {
            let got = model.text.max_tokens;
            return Err(Failure::new(format!("texts are cut at {got} tokens, expected {expected}")));
        }
        Ok(GoldenModel { source: model.source, text: model.text, golden })
    }
}

impl GoldenModel {
    /// The golden's texts as tokens.
    ///
    /// # Errors
    /// The tokenizer cannot be read or fails, or the model has no such prompt.
    pub fn encode(&self, prompt: PromptChoice) -> Result<Vec<Encoded>, Failure> {
        let encoder = TextEncoder::new(&self.text, &TextOptions { prompt, max_length: None })?;
        let encoded: Result<Vec<Encoded>, _> =
            self.golden.texts.iter().map(|text| encoder.encode(text)).collect();
        Ok(encoded?)
    }

    /// The tokens of the golden's texts, without a prompt.
    ///
    /// # Errors
    /// As [`GoldenModel::encode`].
    pub fn sequences(&self) -> Result<Vec<Vec<Token>>, Failure> {
        let encoded = self.encode(PromptChoice::Text(String::new()))?;
        Ok(encoded.into_iter().map(|encoded| encoded.tokens).collect())
    }
}
