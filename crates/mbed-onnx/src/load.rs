//! From a written model to a session of ONNX Runtime.

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{DynValue, Tensor};

use crate::errors::{OpenResult, failed};
use crate::export::{Initializer, Values, Written};
use crate::library::Library;

/// Loads a model; its weights are handed over and not copied.
pub(crate) fn load(library: &Library, written: Written, threads: usize) -> OpenResult<Session> {
    let mut builder = Session::builder(&library.environment)
        .map_err(failed)?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(failed)?
        .with_intra_threads(threads)
        .map_err(failed)?
        .with_deterministic_compute(true)
        .map_err(failed)?
        // A session that waits between batches leaves the cores to tokenising.
        .with_intra_op_spinning(false)
        .map_err(failed)?;
    for Initializer { name, shape, values } in written.beside {
        let value: DynValue = match values {
            Values::F32(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
            Values::I64(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
        };
        builder = builder.with_external_initializer(name, value).map_err(failed)?;
    }
    builder.commit_from_memory(&written.model).map_err(failed)
}
