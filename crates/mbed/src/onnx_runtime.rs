//! Getting ONNX Runtime's library.

use std::path::PathBuf;

use mbed_model::{OnnxRuntimeWheels, Refresh};

use crate::{Context, Error};

/// Fetches ONNX Runtime's library as a part of a Python package, into the folder of `context` where the backend looks
/// for it, and gives its path. One that is there already stays, unless `refresh` asks for a new one.
///
/// # Errors
/// No package is known for this kind of machine, the network is off, or `pip` fails.
pub fn fetch_onnx_runtime(context: &Context<'_>, refresh: Refresh) -> Result<PathBuf, Error> {
    let wheels = OnnxRuntimeWheels::built_in()?;
    Ok(wheels.fetch(&context.onnx_libraries, refresh, &context.locations, context.progress)?)
}
