//! What is asked of a machine.

use std::path::Path;

use super::search::{Attempt, LibrarySearch, newest};
use crate::driver::{DeviceFacts, DriverError, Version};
use crate::{Nvidia, ffi, nvrtc};

/// What is asked of a machine, in this order: a question behind one that was answered with no is never asked.
pub(crate) trait Machine {
    /// Whether the driver's library is there.
    fn has_driver(&self) -> bool;

    /// The level of CUDA that the driver has.
    fn driver(&self) -> Result<Version, String>;

    /// The devices that the driver shows.
    fn devices(&self) -> Result<Vec<DeviceFacts>, DriverError>;

    /// The version of the compiler of kernels, or where it is not.
    fn nvrtc(&self, search: &LibrarySearch) -> Result<Version, Vec<Attempt>>;

    /// The version of the library for products, or where it is not.
    fn lt(&self, search: &LibrarySearch) -> Result<Version, Vec<Attempt>>;
}

/// The machine that this process runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThisMachine;

/// What the library for products is called.
const LT: &str = "libcublasLt.so";

impl Machine for ThisMachine {
    fn has_driver(&self) -> bool {
        ffi::has_driver()
    }

    fn driver(&self) -> Result<Version, String> {
        ffi::driver_version()
    }

    fn devices(&self) -> Result<Vec<DeviceFacts>, DriverError> {
        Nvidia::all_devices()
    }

    fn nvrtc(&self, search: &LibrarySearch) -> Result<Version, Vec<Attempt>> {
        let from_folder = |folder: &Path| {
            let loaded = nvrtc::load_from(folder).map(|_library| ());
            loaded.map_err(|error| {
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
            })
        };
        search.load("libnvrtc.so", from_folder, ffi::has_nvrtc)?;
        ffi::nvrtc_version().map_err(|reason| vec![Attempt { place: "libnvrtc.so".into(), reason }])
    }

    fn lt(&self, search: &LibrarySearch) -> Result<Version, Vec<Attempt>> {
        let from_folder = |folder: &Path| {
            let library = newest(folder, LT).ok_or_else(|| format!("it holds no `{LT}`"))?;
            ffi::keep(&library)
        };
        search.load(LT, from_folder, ffi::has_lt)?;
        Ok(ffi::lt_version())
    }
}
