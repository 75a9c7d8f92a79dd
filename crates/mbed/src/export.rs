//! Writing models for other runtimes.

use std::path::{Path, PathBuf};

use mbed_core::settings::Settings;
use mbed_core::{ModelSource, Precision};

use crate::registry::write_onnx;
use crate::{Context, Error};

/// The folder inside a model's own where its ONNX files lie, as sentence-transformers has it.
const ONNX: &str = "onnx";

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The name of the model.
    pub model: String,
    /// The graph, and for large models a file with its weights.
    pub files: Vec<PathBuf>,
}

/// Writes the model that `settings` name into `folder` as sentence-transformers keeps models for ONNX Runtime: the graph
/// in `onnx`, beside it the tokenizer and all settings. A folder may hold the graphs of several precisions.
///
/// # Errors
/// The model cannot be found, fetched or read; it has no encoder spec or one with parts that are not written; this build
/// has no `onnx`, models are not written in this precision, or a file cannot be written.
pub fn export_onnx(
    settings: &Settings,
    precision: Precision,
    folder: &Path,
    context: &Context<'_>,
) -> Result<Exported, Error> {
    let found = mbed_model::resolve(
        &settings.model.id,
        context.revision.as_deref(),
        &context.locations,
        context.progress,
    )?;
    let model = mbed_model::load(&found)?;
    let ModelSource::Spec { spec, weights } = &model.source else {
        let architecture = model.architecture().to_owned();
        return Err(Error::NoSpec { architecture, known: mbed_model::known_families() });
    };
    let files = write_onnx((spec, weights), precision, &folder.join(ONNX))?;
    mbed_model::copy_without_encoder(&found.folder, folder)?;
    Ok(Exported { model: found.id, files })
}
