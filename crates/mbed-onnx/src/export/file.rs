//! A model as files that other runtimes read.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use mbed_core::spec::EncoderSpec;
use mbed_core::{BackendError, Hint, Precision, Weights};

use super::linear::{Operators, Products, WeightRange};
use super::model::{Written, whole_model};

/// Names of the graph's file by its precision, as the hub's exporters have them.
const NAMES: [(Precision, &str); 3] =
    [(Precision::F32, "model"), (Precision::F16, "model_fp16"), (Precision::Int8, "model_int8")];

/// The most parameters that stay in the graph's own file. A protobuf message must stay below 2 GiB; ¼ of that leaves
/// room for readers that hold it twice.
const MOST_INSIDE: usize = (1 << 29) / size_of::<f32>();

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportedFiles {
    /// The graph.
    pub model: PathBuf,
    /// The weights, where they are too many for the graph's own file.
    pub data: Option<PathBuf>,
}

/// Why a model could not be written as ONNX.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It has parts that are not written, or its weights do not fit its spec.
    #[error(transparent)]
    Model(#[from] BackendError),
    /// Models are not written in this precision.
    #[error("models are not written in `{precision}`")]
    Precision {
        /// The precision that was asked for.
        precision: Precision,
    },
    /// A file could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Hint for ExportError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Model(error) => error.hint(),
            Self::Precision { .. } => {
                let names = NAMES.map(|(precision, _)| precision.name());
                Some(format!("choose one of {}", names.join(", ")))
            }
            Self::Write { .. } => None,
        }
    }
}

/// Writes a model to `folder`, which is made where it is not there: `model.onnx`, `model_fp16.onnx` or `model_int8.onnx`,
/// and for large models a file with the weights, named the same with `_data` behind it.
///
/// The graph takes `input_ids`, `attention_mask` and, where the model looks at segments, `token_type_ids`, each
/// `batch × sequence`. It gives `last_hidden_state`, `batch × sequence × hidden`, and `sentence_embedding`,
/// `batch × dimensions`, after pooling and all that comes behind it; both are binary32 in every precision. Sequences are
/// filled up at their end.
///
/// # Errors
/// The model has parts that are not written, there are no such files in this precision, a tensor is missing, or a file
/// cannot be written.
pub fn export(
    spec: &EncoderSpec,
    weights: &Weights,
    precision: Precision,
    folder: &Path,
) -> Result<ExportedFiles, ExportError> {
    let named = NAMES.iter().find(|(known, _)| *known == precision);
    let &(_, name) = named.ok_or(ExportError::Precision { precision })?;
    let (model_name, data_name) = (format!("{name}.onnx"), format!("{name}.onnx_data"));
    let products = match precision {
        Precision::F16 => Products::F16,
        // A file goes to processors of any kind.
        Precision::Int8 => Products::Int8(WeightRange::Reduced, Operators::Standard),
        _ => Products::F32,
    };
    let data_file = (spec.parameters() > MOST_INSIDE).then_some(data_name.as_str());
    let Written { model, beside, .. } = whole_model(spec, weights, (products, data_file))?;
    write(folder, || fs::create_dir_all(folder))?;
    let data = data_file.map(|name| folder.join(name));
    if let Some(path) = &data {
        write(path, || {
            let mut file = BufWriter::new(File::create(path)?);
            beside.iter().try_for_each(|constant| file.write_all(&constant.values.to_bytes()))?;
            file.flush()
        })?;
    }
    let path = folder.join(model_name);
    write(&path, || fs::write(&path, &model))?;
    Ok(ExportedFiles { model: path, data })
}

fn write(path: &Path, work: impl FnOnce() -> io::Result<()>) -> Result<(), ExportError> {
    work().map_err(|source| ExportError::Write { path: path.to_owned(), source })
}
