//! A model as files that other runtimes read.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use mbed_core::spec::EncoderSpec;
use mbed_core::{BackendError, Hint, Weights};

use super::model::{Written, whole_model};

/// The file of the graph.
const MODEL: &str = "model.onnx";
/// The file of the weights where they are too many for the graph's, by the name that PyTorch's exporter gives it.
const DATA: &str = "model.onnx_data";

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
            Self::Write { .. } => None,
        }
    }
}

/// Writes a model to `folder`, which is made where it is not there: `model.onnx`, and `model.onnx_data` for large ones.
///
/// The graph takes `input_ids`, `attention_mask` and, where the model looks at segments, `token_type_ids`, each
/// `batch × sequence`. It gives `last_hidden_state`, `batch × sequence × hidden`, and `sentence_embedding`,
/// `batch × dimensions`, after pooling and all that comes behind it. Sequences are filled up at their end.
///
/// # Errors
/// The model has parts that are not written, a tensor is missing, or a file cannot be written.
pub fn export(spec: &EncoderSpec, weights: &Weights, folder: &Path) -> Result<ExportedFiles, ExportError> {
    let data_file = (spec.parameters() > MOST_INSIDE).then_some(DATA);
    let Written { model, beside } = whole_model(spec, weights, data_file)?;
    let write = |path: PathBuf, result: io::Result<()>| match result {
        Ok(()) => Ok(path),
        Err(source) => Err(ExportError::Write { path, source }),
    };
    write(folder.to_owned(), fs::create_dir_all(folder))?;
    let data = match data_file {
        Some(name) => {
            let path = folder.join(name);
            let result = File::create(&path).and_then(|file| {
                let mut file = BufWriter::new(file);
                beside.iter().try_for_each(|constant| file.write_all(&constant.values.to_bytes()))?;
                file.flush()
            });
            Some(write(path, result)?)
        }
        None => None,
    };
    let path = folder.join(MODEL);
    let result = fs::write(&path, model);
    Ok(ExportedFiles { model: write(path, result)?, data })
}
