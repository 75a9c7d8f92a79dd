//! An open device, and what the sessions on it share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use mbed_core::{BackendError, DeviceId};

use crate::arena::Arena;
use crate::driver::{Device, DeviceFacts, Driver, DriverError, Function, Module};
use crate::failure::{Failures, NAME};
use crate::kernels::{Architecture, Unit};
use crate::model::Model;

/// An open device, and what the sessions on it share: memory, compiled kernels and models.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) device: Arc<dyn Device>,
    pub(crate) facts: DeviceFacts,
    pub(crate) architecture: Architecture,
    pub(crate) arena: Arc<Arena>,
    driver: Arc<dyn Driver>,
    kernels: Mutex<Kernels>,
    models: Mutex<Vec<Weak<Model>>>,
}

#[derive(Debug, Default)]
struct Kernels {
    modules: HashMap<Unit, Module>,
    functions: HashMap<(Unit, String), Function>,
}

impl Card {
    pub(crate) fn open(
        driver: Arc<dyn Driver>,
        facts: DeviceFacts,
        fraction: f64,
    ) -> Result<Self, BackendError> {
        let id = DeviceId::new(NAME, facts.index);
        let failures = Failures::new(id.clone());
        let device = driver.open(facts.index).map_err(|error| failures.backend(error))?;
        let arena = Arena::new(Arc::clone(&device), id, fraction)?;
        let architecture = Architecture::new(facts.capability.major, facts.capability.minor);
        let (kernels, models) = (Mutex::default(), Mutex::default());
        Ok(Self { device, facts, architecture, arena, driver, kernels, models })
    }

    pub(crate) fn failures(&self) -> &Failures {
        self.arena.failures()
    }

    /// The kernel `entry` of `unit`, compiled and loaded where nobody asked for it before.
    pub(crate) fn kernel(&self, unit: Unit, entry: &str) -> Result<Function, DriverError> {
        let mut kernels = lock(&self.kernels);
        let key = (unit, entry.to_owned());
        if let Some(&function) = kernels.functions.get(&key) {
            return Ok(function);
        }
        let module = match kernels.modules.get(&unit) {
            Some(&module) => module,
            None => {
                let image = self.driver.compile(unit, self.architecture)?;
                let module = self.device.load(&image)?;
                kernels.modules.insert(unit, module);
                module
            }
        };
        let function = self.device.function(module, entry)?;
        kernels.functions.insert(key, function);
        Ok(function)
    }

    /// The model that `is_it` knows, where a session has it open, or a new one.
    pub(crate) fn model(
        &self,
        is_it: impl Fn(&Model) -> bool,
        load: impl FnOnce() -> Result<Model, BackendError>,
    ) -> Result<Arc<Model>, BackendError> {
        let mut models = lock(&self.models);
        models.retain(|model| model.strong_count() > 0);
        if let Some(model) = models.iter().filter_map(Weak::upgrade).find(|model| is_it(model)) {
            return Ok(model);
        }
        let model = Arc::new(load()?);
        models.push(Arc::downgrade(&model));
        Ok(model)
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        for &module in lock(&self.kernels).modules.values() {
            self.device.unload(module);
        }
    }
}

/// What these locks guard is whole at any moment, so that a panic elsewhere leaves nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
