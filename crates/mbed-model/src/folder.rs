//! A whole model folder.

use std::path::Path;

use mbed_core::spec::HeadSpec;
use mbed_core::{ModelSource, TextSpec};
use sha2::{Digest as _, Sha256};

use crate::arch::{self, ConfigFile, Described};
use crate::graph;
use crate::modules::{EncoderKind, Modules};
use crate::source::ResolvedModel;
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
            ModelSource::Graph(model) => &model.architecture,
            _ => "unknown",
        }
    }

    /// Pooling and what comes after it.
    #[must_use]
    pub fn head(&self) -> Option<&HeadSpec> {
        match &self.source {
            ModelSource::Spec { spec, .. } => Some(&spec.head),
            ModelSource::Foreign(model) => Some(&model.head),
            ModelSource::Graph(model) => Some(&model.head),
            _ => None,
        }
    }

    /// Pooling and what comes after it, for changing before the model is opened.
    pub fn head_mut(&mut self) -> Option<&mut HeadSpec> {
        match &mut self.source {
            ModelSource::Spec { spec, .. } => Some(&mut spec.head),
            ModelSource::Foreign(model) => Some(&mut model.head),
            ModelSource::Graph(model) => Some(&mut model.head),
            _ => None,
        }
    }

    /// Length of a token's hidden state.
    #[must_use]
    pub fn hidden(&self) -> usize {
        match &self.source {
            ModelSource::Spec { spec, .. } => spec.hidden,
            ModelSource::Foreign(model) => model.hidden,
            ModelSource::Graph(model) => model.hidden,
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
            ModelSource::Graph(model) => {
                let sizes = (model.hidden, model.max_tokens, model.vocabulary);
                format!("{} {sizes:?} {:?} {:?}", model.architecture, model.files, model.head)
            }
            _ => String::new(),
        };
        let digest = Sha256::digest(described.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// How many values the encoder and its head have; of a model whose encoder is a graph, only those of its head.
    #[must_use]
    pub fn parameters(&self) -> usize {
        match &self.source {
            ModelSource::Spec { weights, .. } => weights.parameters(),
            ModelSource::Foreign(model) => {
                let own: usize = model.tensors.values().map(mbed_core::Tensor::elements).sum();
                own + model.head_weights.parameters()
            }
            ModelSource::Graph(model) => model.head_weights.parameters(),
            _ => 0,
        }
    }
}

/// Reads the model that was found: its folder as [`load_folder`] does, but with the graph that was named, where one was.
///
/// # Errors
/// As [`load_folder`].
pub fn load(found: &ResolvedModel) -> Result<Model, ModelError> {
    read(&found.folder, found.graph.as_deref())
}

/// Reads a sentence-transformers folder, of the old layout or the new, or a plain transformers folder.
///
/// Weights are mapped, not copied, and every tensor that the architecture needs is proven to be there in its
/// shape. Where there are none, and graphs in ONNX in their stead, those are the model.
///
/// # Errors
/// A file is missing or damaged, says something that cannot be, or names a module that mbed does not have.
pub fn load_folder(folder: &Path) -> Result<Model, ModelError> {
    read(folder, None)
}

fn read(folder: &Path, named_graph: Option<&Path>) -> Result<Model, ModelError> {
    let modules = modules::read(folder)?;
    let (Described { source, unused }, vocabulary) = match modules.encoder {
        EncoderKind::Static => (static_model::describe(&modules)?, None),
        EncoderKind::Transformer => {
            let config = ConfigFile::read(&modules.transformer)?;
            let vocabulary = config.size("vocab_size");
            (encoder(folder, &modules, &config, named_graph)?, Some(vocabulary))
        }
    };
    let limits = match (&source, vocabulary) {
        (ModelSource::Spec { spec, .. }, _) => {
            Limits { positions: spec.position.max_tokens(), vocabulary: spec.vocabulary }
        }
        (ModelSource::Foreign(model), Some(vocabulary)) => {
            Limits { positions: model.max_tokens, vocabulary: vocabulary? }
        }
        (ModelSource::Graph(model), _) => {
            Limits { positions: model.max_tokens, vocabulary: model.vocabulary }
        }
        _ => return Err(ModelError::Missing { path: modules.transformer.join("config.json") }),
    };
    let text = text_rules::read(folder, &modules, limits)?;
    Ok(Model { source, text, unused_tensors: unused })
}

/// The graph that was named; else the weights; and where there are none, the graphs of the folder.
fn encoder(
    folder: &Path,
    modules: &Modules,
    config: &ConfigFile,
    named_graph: Option<&Path>,
) -> Result<Described, ModelError> {
    if let Some(path) = named_graph {
        return graph::describe(config, modules, vec![graph::named(path)]);
    }
    match tensors::open_folder(&modules.transformer) {
        Ok(tensors) => arch::describe(config, modules, tensors),
        Err(error @ ModelError::Missing { .. }) => match graph::find(folder)? {
            files if files.is_empty() => Err(error),
            files => graph::describe(config, modules, files),
        },
        Err(error) => Err(error),
    }
}
