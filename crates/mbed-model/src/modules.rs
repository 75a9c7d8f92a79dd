//! `modules.json` and the folders it names: what happens between text and vector.

use std::path::{Path, PathBuf};

use mbed_core::PromptPooling;
use mbed_core::spec::{Activation, Bias, HeadSpec, HeadStage, Pooling, Residual};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::tensors::{self, NamedTensors};
use crate::{ModelError, json};

/// What `modules.json` says, with the configuration of each module.
#[derive(Debug)]
pub(crate) struct Modules {
    /// The folder with the encoder's own files.
    pub(crate) transformer: PathBuf,
    pub(crate) encoder: EncoderKind,
    pub(crate) head: HeadSpec,
    pub(crate) prompt_pooling: PromptPooling,
    pub(crate) stored: Vec<StoredModule>,
}

/// What turns tokens into states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EncoderKind {
    /// What `config.json` describes.
    Transformer,
    /// A table of token vectors.
    Static,
}

/// The files of a stage that has weights.
#[derive(Debug)]
pub(crate) struct StoredModule {
    /// Its number in the stages of the head.
    pub(crate) stage: usize,
    pub(crate) folder: PathBuf,
    pub(crate) tensors: NamedTensors,
}

impl Modules {
    /// Proves that each stage takes what comes before it, where the encoder's states are `hidden` long.
    pub(crate) fn check_lengths(&self, hidden: usize) -> Result<(), ModelError> {
        let mut length = hidden.saturating_mul(self.head.pooling.len());
        for module in &self.stored {
            let (key, input, output) = match self.head.stages.get(module.stage) {
                Some(HeadStage::Dense { input, output, .. }) => ("in_features", *input, *output),
                Some(HeadStage::LayerNorm { length, .. }) => ("dimension", *length, *length),
                _ => continue,
            };
            if input != length {
                let expected = format!("{length}, the length of what comes before it");
                return Err(stage_error(&module.folder, key, input, expected));
            }
            length = output;
        }
        Ok(())
    }
}

fn stage_error(folder: &Path, key: &str, value: impl ToString, expected: impl Into<String>) -> ModelError {
    ModelError::Config {
        path: folder.join("config.json"),
        key: key.to_owned(),
        value: value.to_string(),
        expected: expected.into(),
    }
}

/// One entry of `modules.json`.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// `2_Dense/config.json`
#[derive(Deserialize)]
struct DenseConfig {
    in_features: usize,
    out_features: usize,
    #[serde(default = "yes")]
    bias: bool,
    activation_function: Option<String>,
    module_input_name: Option<String>,
    module_output_name: Option<String>,
    #[serde(default)]
    use_residual: bool,
}

/// `2_LayerNorm/config.json`; the epsilon is `torch.nn.LayerNorm`'s own.
#[derive(Deserialize)]
struct LayerNormConfig {
    dimension: usize,
}

const fn yes() -> bool {
    true
}

/// Reads `modules.json` of a model folder. Where there is none, sentence-transformers takes the mean of the
/// encoder's last states, and so do we.
pub(crate) fn read(folder: &Path) -> Result<Modules, ModelError> {
    let path = folder.join("modules.json");
    let Some(entries) = json::read_optional::<Vec<Entry>>(&path)? else {
        return Ok(Modules {
            transformer: folder.to_owned(),
            encoder: EncoderKind::Transformer,
            head: HeadSpec { pooling: vec![Pooling::Mean], stages: Vec::new() },
            prompt_pooling: PromptPooling::Included,
            stored: Vec::new(),
        });
    };
    let mut reader = ModulesReader {
        folder,
        path,
        encoder: EncoderKind::Transformer,
        transformer: None,
        pooling: None,
        stages: Vec::new(),
        stored: Vec::new(),
    };
    for entry in &entries {
        reader.add(entry)?;
    }
    reader.finish()
}

struct ModulesReader<'a> {
    folder: &'a Path,
    path: PathBuf,
    encoder: EncoderKind,
    transformer: Option<PathBuf>,
    pooling: Option<(Vec<Pooling>, PromptPooling)>,
    stages: Vec<HeadStage>,
    stored: Vec<StoredModule>,
}

impl ModulesReader<'_> {
    fn add(&mut self, entry: &Entry) -> Result<(), ModelError> {
        // Old and new versions write different packages before the same last part.
        let name = entry.kind.rsplit('.').next().unwrap_or(&entry.kind);
        if name != entry.kind && !entry.kind.starts_with("sentence_transformers.") {
            return Err(ModelError::RemoteCode { path: self.path.clone(), kind: entry.kind.clone() });
        }
        let folder = self.folder.join(&entry.path);
        match name {
            "Transformer" if self.transformer.is_none() => self.transformer = Some(folder),
            "Pooling" if self.pooling.is_none() => self.pooling = Some(read_pooling(&folder)?),
            // It pools by itself.
            "StaticEmbedding" if self.transformer.is_none() && self.pooling.is_none() => {
                self.encoder = EncoderKind::Static;
                self.transformer = Some(folder);
                self.pooling = Some((vec![Pooling::Mean], PromptPooling::Included));
            }
            "Transformer" | "Pooling" | "StaticEmbedding" => {
                return Err(self.order("it has two of one kind that can be there once"));
            }
            "Dense" | "LayerNorm" | "Normalize" | "Dropout" if self.pooling.is_none() => {
                return Err(self.order("a module that works on vectors stands before Pooling"));
            }
            "Dense" => self.add_dense(&folder)?,
            "LayerNorm" => self.add_layer_norm(&folder)?,
            "Normalize" => self.stages.push(HeadStage::Normalize),
            // Dropout does nothing outside training.
            "Dropout" => {}
            _ => return Err(ModelError::UnknownModule { path: self.path.clone(), kind: entry.kind.clone() }),
        }
        Ok(())
    }

    fn order(&self, reason: &'static str) -> ModelError {
        ModelError::ModuleOrder { path: self.path.clone(), reason }
    }

    fn add_dense(&mut self, folder: &Path) -> Result<(), ModelError> {
        let config: DenseConfig = json::read(&folder.join("config.json"))?;
        let refuse = |key, value: &str, expected| Err(stage_error(folder, key, value, expected));
        for (key, name) in [
            ("module_input_name", &config.module_input_name),
            ("module_output_name", &config.module_output_name),
        ] {
            if let Some(name) = name.as_ref().filter(|name| *name != "sentence_embedding") {
                return refuse(key, name, "`sentence_embedding`, the only one that mbed computes");
            }
        }
        let (input, output) = (config.in_features, config.out_features);
        for (key, size) in [("in_features", input), ("out_features", output)] {
            if size == 0 {
                return refuse(key, "0", "a whole number of at least 1");
            }
        }
        // The library's default is Tanh, not Identity.
        let name = config.activation_function.as_deref().unwrap_or("torch.nn.modules.activation.Tanh");
        let Ok(activation) = name.parse::<Activation>() else {
            return refuse("activation_function", name, "one of Tanh, Identity, ReLU, GELU, SiLU, Sigmoid");
        };
        let bias = if config.bias { Bias::Added } else { Bias::Absent };
        let residual = match (config.use_residual, input == output) {
            (false, _) => Residual::None,
            (true, true) => Residual::Input,
            (true, false) => Residual::Projected,
        };
        self.add_stored(folder, HeadStage::Dense { input, output, bias, activation, residual })
    }

    fn add_layer_norm(&mut self, folder: &Path) -> Result<(), ModelError> {
        let config: LayerNormConfig = json::read(&folder.join("config.json"))?;
        if config.dimension == 0 {
            return Err(stage_error(folder, "dimension", "0", "a whole number of at least 1"));
        }
        self.add_stored(folder, HeadStage::LayerNorm { length: config.dimension, epsilon: 1e-5 })
    }

    fn add_stored(&mut self, folder: &Path, stage: HeadStage) -> Result<(), ModelError> {
        let tensors = tensors::open_folder(folder)?;
        self.stored.push(StoredModule { stage: self.stages.len(), folder: folder.to_owned(), tensors });
        self.stages.push(stage);
        Ok(())
    }

    fn finish(self) -> Result<Modules, ModelError> {
        let Some(transformer) = self.transformer.clone() else {
            return Err(self.order("there is no Transformer and no StaticEmbedding"));
        };
        let Some((pooling, prompt_pooling)) = self.pooling else {
            return Err(ModelError::ModuleOrder { path: self.path, reason: "there is no Pooling" });
        };
        let head = HeadSpec { pooling, stages: self.stages };
        Ok(Modules { transformer, encoder: self.encoder, head, prompt_pooling, stored: self.stored })
    }
}

/// `1_Pooling/config.json`: `pooling_mode` with one name or several, or in older folders one boolean a pooling.
fn read_pooling(folder: &Path) -> Result<(Vec<Pooling>, PromptPooling), ModelError> {
    let path = folder.join("config.json");
    let config: Map<String, Value> = json::read(&path)?;
    let refuse = |key: &str, value: &Value, expected: &str| ModelError::Config {
        path: path.clone(),
        key: key.to_owned(),
        value: value.to_string(),
        expected: expected.to_owned(),
    };
    let names: Vec<&str> = match config.get("pooling_mode") {
        None => old_pooling_names(&config),
        Some(Value::String(name)) => vec![name],
        // What is no text is no name either.
        Some(Value::Array(names)) => names.iter().map(|name| name.as_str().unwrap_or_default()).collect(),
        Some(other) => return Err(refuse("pooling_mode", other, "a name or a list of names")),
    };
    let pooling: Result<Vec<Pooling>, _> = names.iter().map(|name| name.parse()).collect();
    let known = Pooling::ALL.map(Pooling::name).join(", ");
    let wrong = config.get("pooling_mode").unwrap_or(&Value::Null);
    let pooling = pooling.map_err(|_unknown| refuse("pooling_mode", wrong, &format!("any of {known}")))?;
    if pooling.is_empty() {
        return Err(refuse("pooling_mode", wrong, &format!("at least one of {known}")));
    }
    let prompt_pooling = match config.get("include_prompt") {
        Some(Value::Bool(false)) => PromptPooling::Excluded,
        None | Some(Value::Bool(true) | Value::Null) => PromptPooling::Included,
        Some(other) => return Err(refuse("include_prompt", other, "true or false")),
    };
    Ok((pooling, prompt_pooling))
}

/// The order is the one in which the old format concatenates; with nothing switched on it means `mean`.
fn old_pooling_names(config: &Map<String, Value>) -> Vec<&'static str> {
    const KEYS: [(&str, Pooling); 6] = [
        ("pooling_mode_cls_token", Pooling::Cls),
        ("pooling_mode_max_tokens", Pooling::Max),
        ("pooling_mode_mean_tokens", Pooling::Mean),
        ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrtLength),
        ("pooling_mode_weightedmean_tokens", Pooling::WeightedMean),
        ("pooling_mode_lasttoken", Pooling::LastToken),
    ];
    let is_on = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(false);
    let names: Vec<_> =
        KEYS.iter().filter(|(key, _)| is_on(key)).map(|(_, pooling)| pooling.name()).collect();
    if names.is_empty() { vec![Pooling::Mean.name()] } else { names }
}
