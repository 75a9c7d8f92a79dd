//! Memory of a device: one pool for all sessions on it, up to a limit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use mbed_core::{BackendError, Bytes, DeviceId};

use crate::driver::{Device, DeviceMemoryUse, DriverError, Stream};
use crate::failure::Failures;
use crate::kernels::Address;

/// Every block begins at a multiple of this, which the widest loads of kernels and of matrix products need.
pub(crate) const ALIGNMENT: usize = 256;

/// `bytes` up to the next multiple of [`ALIGNMENT`].
pub(crate) const fn aligned(bytes: usize) -> usize {
    bytes.saturating_add(ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT
}

/// The memory that all sessions of one device take out of its pool.
#[derive(Debug)]
pub(crate) struct Arena {
    device: Arc<dyn Device>,
    failures: Failures,
    /// The most that may be in use at a time.
    limit: u64,
    used: AtomicU64,
}

/// Memory of an [`Arena`]. It goes back when this is dropped, once the work is done that is in its stream by then.
#[derive(Debug)]
pub(crate) struct Block {
    arena: Weak<Arena>,
    device: Arc<dyn Device>,
    stream: Stream,
    address: Address,
    bytes: usize,
}

impl Arena {
    /// The memory of `device` up to the part `fraction` of it. What is given back is kept for reuse up to that limit.
    pub(crate) fn new(
        device: Arc<dyn Device>,
        id: DeviceId,
        fraction: f64,
    ) -> Result<Arc<Self>, BackendError> {
        let failures = Failures::new(id);
        let memory = device.memory().map_err(|error| failures.backend(error))?;
        let limit = part(memory.total, fraction);
        device.keep(limit).map_err(|error| failures.backend(error))?;
        Ok(Arc::new(Self { device, failures, limit, used: AtomicU64::new(0) }))
    }

    /// Takes a block for work that is put into `stream` from now on.
    ///
    /// # Errors
    /// There is no room, or no room that mbed may use.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize, stream: Stream) -> Result<Block, BackendError> {
        let bytes = aligned(bytes.max(1));
        let claimed = self.used.fetch_add(bytes as u64, Ordering::Relaxed).saturating_add(bytes as u64);
        let taken = if claimed > self.limit {
            Err(DriverError::OutOfMemory { requested: bytes as u64 })
        } else {
            self.device.allocate(bytes, stream)
        };
        match taken {
            Ok(address) => {
                let (arena, device) = (Arc::downgrade(self), Arc::clone(&self.device));
                Ok(Block { arena, device, stream, address, bytes })
            }
            Err(error) => {
                self.used.fetch_sub(bytes as u64, Ordering::Relaxed);
                Err(self.describe(error))
            }
        }
    }

    /// What nobody holds and mbed may take.
    pub(crate) fn memory(&self) -> Result<DeviceMemoryUse, DriverError> {
        let memory = self.device.memory()?;
        // What the pool keeps counts as held, and is ours to use.
        let used = self.used.load(Ordering::Relaxed);
        let kept = self.device.reserved()?.saturating_sub(used);
        Ok(DeviceMemoryUse { total: memory.total, free: memory.free.saturating_add(kept) })
    }

    /// Gives back to others what nobody uses.
    pub(crate) fn trim(&self) -> Result<(), DriverError> {
        self.device.trim()
    }

    pub(crate) const fn failures(&self) -> &Failures {
        &self.failures
    }

    fn describe(&self, error: DriverError) -> BackendError {
        let DriverError::OutOfMemory { requested } = error else { return self.failures.backend(error) };
        let left = self.limit.saturating_sub(self.used.load(Ordering::Relaxed));
        let free = self.memory().ok().map(|memory| Bytes::new(memory.free.min(left)));
        self.failures.out_of_memory(requested, free)
    }
}

impl Block {
    /// Where it begins, a multiple of [`ALIGNMENT`].
    pub(crate) const fn address(&self) -> Address {
        self.address
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.device.free(self.address, self.stream);
        if let Some(arena) = self.arena.upgrade() {
            arena.used.fetch_sub(self.bytes as u64, Ordering::Relaxed);
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of a whole is below the whole"
)]
fn part(whole: u64, fraction: f64) -> u64 {
    (whole as f64 * fraction.clamp(0.0, 1.0)) as u64
}
