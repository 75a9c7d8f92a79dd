//! The driver of this machine.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

use super::context::{self, Context};
use super::device::OpenDevice;
use crate::card::lock;
use crate::driver::{Device, DeviceFacts, Driver, DriverError};
use crate::kernels::{Architecture, Unit};
use crate::nvrtc::Compiler;

/// The driver of this machine, NVRTC and cublasLt, all of which were found.
pub struct Nvidia {
    compiler: Compiler,
    open: Mutex<HashMap<u32, Weak<OpenDevice>>>,
}

impl fmt::Debug for Nvidia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nvidia").finish_non_exhaustive()
    }
}

impl Nvidia {
    /// The driver of this machine, where the libraries were asked for and are there; compiled kernels are kept in `cache`.
    pub(crate) fn new(cache: Option<PathBuf>) -> Result<Self, DriverError> {
        let compiler = Compiler::new(cache)
            .map_err(|error| DriverError::Compile { unit: "all".to_owned(), reason: error.to_string() })?;
        Ok(Self { compiler, open: Mutex::default() })
    }

    /// The devices that the driver shows. Its library must be there.
    pub(crate) fn all_devices() -> Result<Vec<DeviceFacts>, DriverError> {
        context::devices()
    }
}

impl Driver for Nvidia {
    fn devices(&self) -> Result<Vec<DeviceFacts>, DriverError> {
        context::devices()
    }

    fn open(&self, index: u32) -> Result<Arc<dyn Device>, DriverError> {
        let mut open = lock(&self.open);
        let before = open.get(&index).and_then(Weak::upgrade);
        match before {
            Some(device) if !device.is_lost() => return Ok(device),
            Some(_) => Context::reset(index)?,
            None => context::devices().map(|_devices| ())?,
        }
        let device = Arc::new(OpenDevice::open(index)?);
        open.insert(index, Arc::downgrade(&device));
        Ok(device)
    }

    fn compile(&self, unit: Unit, architecture: Architecture) -> Result<Vec<u8>, DriverError> {
        let compiled = self.compiler.compile(unit, architecture);
        compiled
            .map(|compiled| compiled.image)
            .map_err(|error| DriverError::Compile { unit: unit.to_string(), reason: error.to_string() })
    }
}
