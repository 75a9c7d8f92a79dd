//! From a model to a session of ONNX Runtime.

use std::path::Path;

use mbed_core::BackendError;
use mbed_core::settings::{OnnxOptimization, OnnxSettings};
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{DynValue, Tensor};

use crate::errors::{OpenResult, failed, unsupported};
use crate::export::{Initializer, Values, Written};
use crate::library::Library;
use crate::provider::Provider;

/// How sessions are opened.
#[derive(Clone, Copy)]
pub(crate) struct Loader<'a> {
    pub(crate) library: &'a Library,
    pub(crate) provider: &'static Provider,
    pub(crate) settings: OnnxSettings,
    pub(crate) threads: usize,
}

impl Loader<'_> {
    /// Loads a model that was written here; its weights are handed over and not copied.
    pub(crate) fn written(&self, written: Written) -> OpenResult<Session> {
        let mut builder = self.builder()?;
        for Initializer { name, shape, values } in written.beside {
            let value: DynValue = match values {
                Values::F32(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
                Values::F16(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
                Values::U8(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
                Values::I8(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
                Values::I64(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
            };
            builder = builder.with_external_initializer(name, value).map_err(failed)?;
        }
        builder.commit_from_memory(&written.model).map_err(failed)
    }

    /// Loads a file. What is wrong with it is told in the words of ONNX Runtime, which name operator and node.
    pub(crate) fn file(&self, path: &Path) -> OpenResult<Session> {
        self.builder()?.commit_from_file(path).map_err(|error| match failed(error) {
            BackendError::Failed { source, .. } => {
                unsupported(format!("`{}` cannot be loaded: {source}", path.display()))
            }
            other => other,
        })
    }

    fn builder(&self) -> OpenResult<SessionBuilder> {
        let level = match self.settings.optimization {
            OnnxOptimization::Off => GraphOptimizationLevel::Disable,
            OnnxOptimization::Basic => GraphOptimizationLevel::Level1,
            OnnxOptimization::Extended => GraphOptimizationLevel::Level2,
            OnnxOptimization::All => GraphOptimizationLevel::All,
        };
        let builder = Session::builder(&self.library.environment).map_err(failed)?;
        let builder = match (self.provider.make)() {
            Some(provider) => builder.with_execution_providers([provider]).map_err(failed)?,
            None => builder,
        };
        builder
            .with_optimization_level(level)
            .map_err(failed)?
            .with_intra_threads(self.threads)
            .map_err(failed)?
            .with_deterministic_compute(true)
            .map_err(failed)?
            // A session that waits between batches leaves the cores to tokenising.
            .with_intra_op_spinning(false)
            .map_err(failed)
    }
}
