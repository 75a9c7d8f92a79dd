//! Why a model folder could not be read.

use std::io;
use std::path::PathBuf;

use mbed_core::{Hint, TensorError};

use crate::PickleError;

/// Why a model folder could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file that every model needs is not there.
    #[error("`{}` is missing", path.display())]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not the JSON that it should be.
    #[error("`{}` is not valid", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A value in a configuration cannot be right, or is one we do not compute.
    #[error("`{key}` in `{}` is `{value}`, expected {expected}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The value as it stands there.
        value: String,
        /// What would be accepted.
        expected: String,
    },
    /// The list of modules names one that we do not compute. It is never left out in silence.
    #[error("`{}` names the module `{kind}`, which mbed does not have", path.display())]
    UnknownModule {
        /// `modules.json`
        path: PathBuf,
        /// Its type as it stands there.
        kind: String,
    },
    /// The modules stand in an order that makes no embedding.
    #[error("the modules in `{}` do not make an embedding: {reason}", path.display())]
    ModuleOrder {
        /// `modules.json`
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file with the weights is damaged.
    #[error("`{}` is damaged or not a safetensors file", path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: safetensors::SafeTensorError,
    },
    /// The file with the weights is none that can be read without running code, or is damaged.
    #[error("cannot read the tensors of `{}`", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PickleError,
    },
    /// A tensor has a type that is not a floating-point one.
    #[error("tensor `{tensor}` in `{}` is stored as `{stored}`", path.display())]
    StoredType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type.
        stored: String,
    },
    /// A tensor is missing or misshapen.
    #[error("the weights in `{}` do not fit its configuration", folder.display())]
    Weights {
        /// The model's folder.
        folder: PathBuf,
        /// Which and how.
        source: TensorError,
    },
    /// The encoder lacks tensors.
    #[error(
        "`{}` lacks {} that its configuration asks for, and has {} that nothing asks for",
        folder.display(), some(missing), some(unused)
    )]
    MissingTensors {
        /// The model's folder.
        folder: PathBuf,
        /// Their usual names.
        missing: Vec<String>,
        /// Those that are there and that nothing asks for.
        unused: Vec<String>,
    },
    /// A tensor holds NaN or infinity.
    #[error("tensor `{tensor}` in `{}` is not finite: value {index} is NaN or infinite", folder.display())]
    NotFinite {
        /// The model's folder.
        folder: PathBuf,
        /// The tensor.
        tensor: String,
        /// The number of the first such value, row-major.
        index: usize,
    },
    /// A module is code that comes with the model.
    #[error("`{}` names the module `{kind}`, which is code that comes with the model", path.display())]
    RemoteCode {
        /// `modules.json`
        path: PathBuf,
        /// Its type as it stands there.
        kind: String,
    },
    /// The index of a model in several files names a file outside its folder.
    #[error("`{}` points outside its folder: `{file}`", path.display())]
    OutsideFolder {
        /// The index.
        path: PathBuf,
        /// What it names.
        file: String,
    },
}

/// The number of tensors and the first names.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "no tensor".to_owned(),
        1 => format!("the tensor {}", shown.concat()),
        count if count <= SHOWN => format!("{count} tensors ({})", shown.join(", ")),
        count => format!("{count} tensors ({}, ...)", shown.join(", ")),
    }
}

/// What to do about a damaged file.
const DAMAGED: &str = "the file may be cut short or changed: `mbed model verify` checks it, \
                       `mbed model pull --force` fetches it again";

impl Hint for ModelError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { path } if path.ends_with("model.safetensors") => {
                "mbed reads weights from `model.safetensors` or `pytorch_model.bin`, in one file or with an index; \
                 look for a revision of the model that has one of them"
            }
            Self::Missing { path } if path.ends_with("tokenizer.json") => {
                "mbed reads `tokenizer.json` only; in Python, `AutoTokenizer.from_pretrained(...)` followed by \
                 `save_pretrained(...)` writes one"
            }
            Self::Missing { .. } | Self::Read { .. } => "check that the folder holds the whole model",
            Self::Json { .. } | Self::Safetensors { .. } | Self::Weights { .. } => DAMAGED,
            Self::Pickle {
                source:
                    PickleError::UnknownContainer
                    | PickleError::Damaged { .. }
                    | PickleError::StorageLength { .. },
                ..
            } => DAMAGED,
            Self::Pickle { .. } => {
                "in Python, `tensors = torch.load(\"pytorch_model.bin\", weights_only=True)` and \
                 `safetensors.torch.save_file({k: t.clone().contiguous() for k, t in tensors.items()}, \
                 \"model.safetensors\")` write a file that mbed reads; one that loads with `weights_only=False` \
                 alone may run code there, so do that only where you trust it"
            }
            Self::UnknownModule { .. } => {
                "known modules are Transformer, StaticEmbedding, Pooling, Dense, LayerNorm, Normalize and Dropout; \
                 skipping one would give vectors that differ from the model's own"
            }
            Self::MissingTensors { .. } => {
                "the files may be incomplete (`mbed model verify`), or the configuration may be another model's"
            }
            Self::NotFinite { .. } => {
                "weights that overflowed in 16 bits look like this: look for a revision in float32 or bfloat16"
            }
            Self::RemoteCode { .. } => {
                "mbed runs no code out of model folders; look for a revision whose modules are \
                 sentence-transformers' own"
            }
            Self::StoredType { .. } => "weights may be stored as F32, F16, BF16 or F64",
            Self::Config { .. } | Self::ModuleOrder { .. } | Self::OutsideFolder { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
