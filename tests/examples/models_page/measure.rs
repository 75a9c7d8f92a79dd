//! Every model of the tests on every backend, device and precision of this machine.

use std::sync::Arc;

use mbed_candle::CandleBackend;
use mbed_config::Environment;
use mbed_core::{Backend, BackendError, Precision};
use mbed_cpu::CpuBackend;
use mbed_onnx::{LibrarySearch, OnnxBackend};
use mbed_tests::contract::golden_difference;
use mbed_tests::models::{self, ModelFolder};
use mbed_tests::{Bench, Failure};

/// A model, and for each column how near its vectors came.
pub(crate) struct Measured {
    pub(crate) model: String,
    pub(crate) architecture: String,
    pub(crate) cells: Vec<(String, Outcome)>,
}

/// What came of a model in a column.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    /// The largest difference from known vectors, within what was agreed.
    Near(f32),
    /// The backend refuses the architecture.
    Refused,
}

pub(crate) fn all() -> Result<Vec<Measured>, Failure> {
    let backends: [Arc<dyn Backend>; 3] = [Arc::new(CpuBackend), Arc::new(onnx()), Arc::new(CandleBackend)];
    let mut measured = Vec::new();
    for model in models::fixtures()? {
        let mut cells = Vec::new();
        for backend in &backends {
            for device in backend.probe().devices() {
                for &precision in &device.precisions {
                    let column = format!("{} {precision}", backend.name());
                    let outcome = outcome(backend, (device.id.index, precision), &model);
                    cells.push((column, outcome.map_err(|failure| failure.during(&model.name))?));
                }
            }
        }
        measured.push(Measured { model: model.name, architecture: model.architecture, cells });
    }
    Ok(measured)
}

/// ONNX Runtime from where the facade would take it.
fn onnx() -> OnnxBackend {
    let environment = Environment::read();
    let (named, folders) = (environment.onnx_library(), environment.onnx_library_folders());
    OnnxBackend::new(LibrarySearch { named, folders })
}

fn outcome(
    backend: &Arc<dyn Backend>,
    (device, precision): (u32, Precision),
    model: &ModelFolder,
) -> Result<Outcome, Failure> {
    let bench = Bench::of_model(Arc::clone(backend), device, precision, model)?;
    match backend.open(bench.request()) {
        Err(BackendError::UnsupportedModel { .. }) => Ok(Outcome::Refused),
        _ => golden_difference(&bench).map(Outcome::Near),
    }
}
