//! A whole model folder.

use std::path::Path;

use mbed_core::spec::HeadSpec;
use mbed_core::{ModelSource, TextSpec};
use sha2::{Digest as _, Sha256};

use crate::arch::{self, ConfigFile, Described};
use crate::modules::EncoderKind;
use crate::text_rules::{self, Limits};
use crate::{ModelError, modules, static_model, tensors};

/// A model as its folder describes it, its weights mapped and checked.
#[derive(Debug)]
pub struct Model {
    /// What a backend opens.
    pub source: ModelSource,
    /// What happens to a text first.
    pub text: TextSpec,
    /// Tensors of the encoder's files that nothing asks for, such as the heads of other tasks.
    pub unused_tensors: Vec<String>,
}

impl Model {
    /// `model_type` of its `config.json`.
    #[must_use]
    pub fn architecture(&self) -> &str {
        match &self.source {
            ModelSource::Spec { spec, .. } => &spec.family,
            ModelSource::Foreign(model) => &model.architecture,
            _ => "unknown",
        }
    }

    /// Pooling and what comes after it.
    #[must_use]
    pub fn head(&self) -> Option<&HeadSpec> {
        match &self.source {
            ModelSource::Spec { spec, .. } => Some(&spec.head),
            ModelSource::Foreign(model) => Some(&model.head),
            _ => None,
        }
    }

    /// Pooling and what comes after it, for changing before the model is opened.
    pub fn head_mut(&mut self) -> Option<&mut HeadSpec> {
        match &mut self.source {
            ModelSource::Spec { spec, .. } => Some(&mut spec.head),
            ModelSource::Foreign(model) => Some(&mut model.head),
            _ => None,
        }
    }

    /// Length of a token's hidden state.
    #[must_use]
    pub fn hidden(&self) -> usize {
        match &self.source {
            ModelSource::Spec { spec, .. } => spec.hidden,
            ModelSource::Foreign(model) => model.hidden,
            _ => 0,
        }
    }

    /// A name of its architecture, by content: models that differ in nothing but their weights have the same. What was
    /// measured of one in time and memory holds for the other.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let described = match &self.source {
            ModelSource::Spec { spec, .. } => format!("{spec:?}"),
            ModelSource::Foreign(model) => {
                format!("{} {} {:?}", model.architecture, model.config, model.head)
            }
            _ => String::new(),
        };
        let digest = Sha256::digest(described.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// How many values the encoder and its head have.
    #[must_use]
    pub fn parameters(&self) -> usize {
        match &self.source {
            ModelSource::Spec { weights, .. } => weights.parameters(),
            ModelSource::Foreign(model) => {
                let own: usize = model.tensors.values().map(mbed_core::Tensor::elements).sum();
                own + model.head_weights.parameters()
            }
            _ => 0,
        }
    }
}

/// Reads a sentence-transformers folder, of the old layout or the new, or a plain transformers folder.
///
/// Weights are mapped, not copied, and every tensor that the architecture needs is proven to be there in its
/// shape.
///
/// # Errors
/// A file is missing or damaged, says something that cannot be, or names a module that mbed does not have.
pub fn load_folder(folder: &Path) -> Result<Model, ModelError> {
    let modules = modules::read(folder)?;
    let (Described { source, unused }, vocabulary) = match modules.encoder {
        EncoderKind::Static => (static_model::describe(&modules)?, None),
        EncoderKind::Transformer => {
            let config = ConfigFile::read(&modules.transformer)?;
            let tensors = tensors::open_folder(&modules.transformer)?;
            let vocabulary = config.size("vocab_size");
            (arch::describe(&config, &modules, tensors)?, Some(vocabulary))
        }
    };
    let limits = match (&source, vocabulary) {
        (ModelSource::Spec { spec, .. }, _) => {
            Limits { positions: spec.position.max_tokens(), vocabulary: spec.vocabulary }
        }
        (ModelSource::Foreign(model), Some(vocabulary)) => {
            Limits { positions: model.max_tokens, vocabulary: vocabulary? }
        }
        _ => return Err(ModelError::Missing { path: modules.transformer.join("config.json") }),
    };
    let text = text_rules::read(folder, &modules, limits)?;
    Ok(Model { source, text, unused_tensors: unused })
}
