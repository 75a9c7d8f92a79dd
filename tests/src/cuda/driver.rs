//! The driver of cards that are not there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mbed_core::Bytes;
use mbed_cuda::driver::{Device, DeviceFacts, Driver, DriverError, Version};
use mbed_cuda::kernels::{Architecture, Unit};

use super::card::EmulatedCard;
use super::state::{State, Trace};

/// What cards there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmulatedOptions {
    /// How many.
    pub cards: u32,
    /// The compute capability of each.
    pub capability: Version,
    /// The memory of each.
    pub memory: Bytes,
}

impl Default for EmulatedOptions {
    fn default() -> Self {
        Self { cards: 1, capability: Version::new(9, 0), memory: Bytes::new(1 << 32) }
    }
}

/// The driver of cards that are not there.
#[derive(Debug)]
pub struct EmulatedDriver {
    options: EmulatedOptions,
    cards: Mutex<BTreeMap<u32, Arc<Mutex<State>>>>,
}

impl EmulatedDriver {
    /// A driver with these cards.
    #[must_use]
    pub fn new(options: EmulatedOptions) -> Arc<Self> {
        Arc::new(Self { options, cards: Mutex::default() })
    }

    /// What card `index` was told so far.
    #[must_use]
    pub fn trace(&self, index: u32) -> Trace {
        lock(&self.state(index)).trace.clone()
    }

    /// How many blocks, host buffers, streams, events, plans, modules and graphs of card `index` nobody gave back.
    #[must_use]
    pub fn held(&self, index: u32) -> [usize; 7] {
        let state = self.state(index);
        let state = lock(&state);
        [
            state.memory.blocks(),
            state.memory.host.len(),
            state.streams.len(),
            state.events.len(),
            state.plans.len(),
            state.modules.len(),
            state.graphs.len(),
        ]
    }

    /// How many bytes of card `index` are in use.
    #[must_use]
    pub fn used(&self, index: u32) -> u64 {
        lock(&self.state(index)).memory.used()
    }

    /// Which kinds of host memory there are now.
    #[must_use]
    pub fn host_memory(&self, index: u32) -> Vec<mbed_cuda::driver::HostMemory> {
        lock(&self.state(index)).memory.host.values().map(|block| block.kind).collect()
    }

    /// The allocation behind the next `count` fails.
    pub fn fail_allocation_after(&self, index: u32, count: usize) {
        lock(&self.state(index)).allocations_left = Some(count);
    }

    /// No allocation fails any more.
    pub fn stop_failing(&self, index: u32) {
        lock(&self.state(index)).allocations_left = None;
    }

    /// The card is lost behind the next `count` launches.
    pub fn lose_after(&self, index: u32, count: usize) {
        lock(&self.state(index)).launches_left = Some(count);
    }

    fn state(&self, index: u32) -> Arc<Mutex<State>> {
        Arc::clone(lock(&self.cards).entry(index).or_default())
    }
}

impl Driver for EmulatedDriver {
    fn devices(&self) -> Result<Vec<DeviceFacts>, DriverError> {
        let facts = |index| DeviceFacts {
            index,
            name: format!("card {index}"),
            uuid: format!("GPU-{index}"),
            capability: self.options.capability,
            multiprocessors: 8,
            memory: self.options.memory,
        };
        Ok((0..self.options.cards).map(facts).collect())
    }

    fn open(&self, index: u32) -> Result<Arc<dyn Device>, DriverError> {
        let state = self.state(index);
        if lock(&state).is_lost {
            // Who still holds handles of the lost card keeps it; the one that is opened now is another.
            lock(&self.cards).insert(index, Arc::default());
        }
        Ok(Arc::new(EmulatedCard::new(self.state(index), self.options.memory)))
    }

    fn compile(&self, unit: Unit, architecture: Architecture) -> Result<Vec<u8>, DriverError> {
        if unit.runs_on(architecture) {
            return Ok(unit.to_string().into_bytes());
        }
        let reason = format!("{architecture} does not have {}", unit.element);
        Err(DriverError::Compile { unit: unit.to_string(), reason })
    }
}

/// A test that panicked has told why; the others need not.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
