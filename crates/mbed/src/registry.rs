//! The backends of this build. The one file that asks which backend features are on.

use std::path::{Path, PathBuf};

use mbed_core::settings::{InstructionSet, Settings};
use mbed_core::spec::EncoderSpec;
use mbed_core::{Backend, DeviceId, ModelSource, Precision, Probe, Weights};
use mbed_model::Refresh;

use crate::{Context, Error};

/// Every backend that a build may have, in the order in which `auto` asks them: `cuda` comes last until it has been measured
/// beside the others. Each is also the name of the
/// feature that builds it in.
pub const KNOWN_BACKENDS: &[&str] = &["cpu", "onnx", "candle", "cuda"];

/// The backends of this build, in the order of [`KNOWN_BACKENDS`].
#[cfg_attr(
    not(any(feature = "cpu", feature = "onnx", feature = "cuda")),
    expect(unused_variables, reason = "no other backend has settings")
)]
pub(crate) fn backends(settings: &Settings) -> Vec<Box<dyn Backend>> {
    vec![
        #[cfg(feature = "cpu")]
        Box::new(mbed_cpu::CpuBackendAtMost(level(settings.runtime.isa))),
        #[cfg(feature = "onnx")]
        Box::new(
            mbed_onnx::OnnxBackend::new(onnx_search())
                .with_settings(settings.onnx.clone())
                .with_cache(onnx_cache()),
        ),
        #[cfg(feature = "candle")]
        Box::new(mbed_candle::CandleBackend),
        #[cfg(feature = "cuda")]
        Box::new(mbed_cuda::CudaBackend::new(cuda_options(settings))),
    ]
}

/// The highest level that a setting allows.
#[cfg(feature = "cpu")]
const fn level(isa: InstructionSet) -> mbed_cpu::Level {
    match isa {
        InstructionSet::Portable => mbed_cpu::Level::Portable,
        InstructionSet::Avx2 => mbed_cpu::Level::Avx2,
        InstructionSet::Avx512 => mbed_cpu::Level::Avx512,
        InstructionSet::Auto | InstructionSet::Amx => mbed_cpu::Level::Amx,
    }
}

/// Whether the processor has the instructions that a setting asks for.
///
/// # Errors
/// It has not.
#[cfg(feature = "cpu")]
pub(crate) fn check_instructions(isa: InstructionSet) -> Result<(), Error> {
    let best = mbed_cpu::Level::detect();
    if isa == InstructionSet::Auto || level(isa) <= best {
        return Ok(());
    }
    Err(Error::NoInstructions { asked: isa.name(), best: best.name() })
}

/// Without a backend that has a choice, nothing is asked for.
#[cfg(not(feature = "cpu"))]
pub(crate) const fn check_instructions(_isa: InstructionSet) -> Result<(), Error> {
    Ok(())
}

/// The places of ONNX Runtime's library that the environment of this process names.
#[cfg(feature = "onnx")]
fn onnx_search() -> mbed_onnx::LibrarySearch {
    let environment = mbed_config::Environment::read();
    mbed_onnx::LibrarySearch {
        named: environment.onnx_library(),
        folders: environment.onnx_library_folders(),
    }
}

/// What the CUDA backend is told of settings and of the environment of this process.
#[cfg(feature = "cuda")]
fn cuda_options(settings: &Settings) -> mbed_cuda::CudaOptions {
    let environment = mbed_config::Environment::read();
    let named =
        std::env::split_paths(&settings.cuda.libraries).filter(|folder| !folder.as_os_str().is_empty());
    mbed_cuda::CudaOptions {
        libraries: mbed_cuda::LibrarySearch {
            named: named.collect(),
            folders: environment.cuda_library_folders(),
        },
        visible_devices: environment.cuda_visible_devices.clone(),
        kernel_cache: environment.cuda_kernel_cache(),
        memory_fraction: settings.memory.fraction.get(),
        settings: settings.cuda.clone(),
        ..mbed_cuda::CudaOptions::default()
    }
}

/// Where engines that ONNX Runtime builds for a device are kept.
#[cfg(feature = "onnx")]
fn onnx_cache() -> Option<std::path::PathBuf> {
    mbed_config::Environment::read().mbed_cache().map(|cache| cache.join("engines"))
}

/// Gets what the backend called `name` needs and a package index has; gives whether there was anything to get.
///
/// Nothing is fetched where somebody named a library: another one would not be asked.
///
/// # Errors
/// It cannot be fetched.
pub(crate) fn provide(name: &str, context: &Context<'_>) -> Result<bool, Error> {
    let is_named = || mbed_config::Environment::read().onnx_library().is_some();
    if !cfg!(feature = "onnx") || name != "onnx" || is_named() {
        return Ok(false);
    }
    crate::fetch_onnx_runtime(context, Refresh::IfMissing).map(|_library| true)
}

/// What to do where the backend called `name` finds no device for want of something that can be had.
pub(crate) fn how_to_provide(name: &str) -> Option<&'static str> {
    (name == "onnx").then_some("`mbed onnx fetch` gets a library, `ORT_DYLIB_PATH` names one")
}

/// Writes a model as ONNX into `folder` and gives the files.
///
/// # Errors
/// The model has parts that are not written, or a file cannot be written.
#[cfg(feature = "onnx")]
pub(crate) fn write_onnx(
    (spec, weights): (&EncoderSpec, &Weights),
    precision: Precision,
    folder: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let written = mbed_onnx::export(spec, weights, precision, folder);
    let written = written
        .map_err(|error| Error::Export { hint: mbed_core::Hint::hint(&error), source: Box::new(error) })?;
    Ok([Some(written.model), written.data].into_iter().flatten().collect())
}

/// Refuses: this build does not have the backend that writes ONNX.
///
/// # Errors
/// Always.
#[cfg(not(feature = "onnx"))]
pub(crate) fn write_onnx(
    _model: (&EncoderSpec, &Weights),
    _precision: Precision,
    _folder: &Path,
) -> Result<Vec<PathBuf>, Error> {
    Err(Error::NotCompiledIn { name: "onnx".to_owned() })
}

/// What each backend of this build finds on this machine.
#[must_use]
pub fn probe() -> Vec<(&'static str, Probe)> {
    backends(&Settings::default()).iter().map(|backend| (backend.name(), backend.probe())).collect()
}

/// A device that can run a model.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Place {
    /// The device.
    pub device: DeviceId,
    /// The precisions that it has, the best first.
    pub precisions: Vec<Precision>,
}

/// Where this build can run `model` on this machine.
#[must_use]
pub fn places(model: &ModelSource) -> Vec<Place> {
    let able = backends(&Settings::default()).into_iter().filter(|backend| backend.accepts(model).is_ok());
    let devices = able.flat_map(|backend| backend.probe().devices().to_vec());
    devices.map(|device| Place { device: device.id, precisions: device.precisions }).collect()
}

#[cfg(test)]
mod tests {
    use mbed_config::Catalogue;

    use super::*;

    #[test]
    fn settings_know_the_same_backends() {
        let catalogue = Catalogue::new();
        let range = &catalogue.get("runtime.backend").unwrap().range;
        let mut named: Vec<&str> = range.split('`').skip(1).step_by(2).collect();
        let mut known = [&["auto"], KNOWN_BACKENDS].concat();
        named.sort_unstable();
        known.sort_unstable();
        assert_eq!(named, known);
    }
}
