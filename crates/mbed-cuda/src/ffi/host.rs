//! Memory of the host.

#![expect(unsafe_code, reason = "memory that the driver pins is asked for and given back as bare addresses")]

use std::collections::HashMap;

use cudarc::driver::{result, sys};

use super::errors::{driver, unknown};
use crate::driver::{DriverError, HostBuffer, HostMemory, HostRange};

/// Memory of the host that a device copies from and to.
#[derive(Debug, Default)]
pub(super) struct HostBuffers {
    known: HashMap<u64, Memory>,
    last: u64,
}

#[derive(Debug)]
enum Memory {
    /// Its address and its length.
    Pinned(usize, usize),
    Pageable(Box<[u8]>),
}

impl HostBuffers {
    /// The context must be current.
    pub(super) fn add(&mut self, bytes: usize, kind: HostMemory) -> Result<HostBuffer, DriverError> {
        let flags = match kind {
            HostMemory::UploadOnly => sys::CU_MEMHOSTALLOC_WRITECOMBINED | sys::CU_MEMHOSTALLOC_PORTABLE,
            HostMemory::Pinned => sys::CU_MEMHOSTALLOC_PORTABLE,
            HostMemory::Pageable => 0,
        };
        let memory = if kind == HostMemory::Pageable {
            Memory::Pageable(vec![0; bytes].into_boxed_slice())
        } else {
            // SAFETY: the context is current, and the memory is used through its length alone.
            let address = unsafe { result::malloc_host(bytes, flags) };
            let address = address.map_err(|said| driver("cuMemHostAlloc", bytes as u64, said))?;
            Memory::Pinned(address as usize, bytes)
        };
        self.last += 1;
        self.known.insert(self.last, memory);
        Ok(HostBuffer { id: self.last, bytes })
    }

    /// The context must be current, and no copy may be under way.
    pub(super) fn remove(&mut self, buffer: HostBuffer) {
        if let Some(Memory::Pinned(address, _)) = self.known.remove(&buffer.id) {
            // SAFETY: `cuMemHostAlloc` gave this address, and it is given back once: it is no longer in the table.
            let _ = unsafe { result::free_host(address as *mut _) };
        }
    }

    /// The address of a range that lies in its buffer.
    pub(super) fn address(&self, call: &'static str, range: HostRange) -> Result<usize, DriverError> {
        let memory = self.known.get(&range.buffer.id).ok_or_else(|| unknown(call))?;
        let (address, length) = match memory {
            Memory::Pinned(address, length) => (*address, *length),
            Memory::Pageable(bytes) => (bytes.as_ptr() as usize, bytes.len()),
        };
        let end = range.start.checked_add(range.bytes).filter(|&end| end <= length);
        end.map(|_end| address + range.start).ok_or_else(|| unknown(call))
    }

    pub(super) fn write(&mut self, range: HostRange, bytes: &[u8]) -> Result<(), DriverError> {
        let address = self.address("write to host memory", range)?;
        let count = bytes.len().min(range.bytes);
        // SAFETY: the range lies in a buffer of the table, which nothing else writes to meanwhile: `self` is borrowed for
        // that, and the device only reads it. Reader and writer do not overlap, as `bytes` is borrowed from elsewhere.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), address as *mut u8, count) };
        Ok(())
    }

    pub(super) fn read(&self, range: HostRange, bytes: &mut [u8]) -> Result<(), DriverError> {
        let address = self.address("read host memory", range)?;
        let count = bytes.len().min(range.bytes);
        // SAFETY: the range lies in a buffer of the table, which is filled with zeros or by the driver; whoever reads it
        // has waited for the copy. `bytes` is borrowed from elsewhere, so that they do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(address as *const u8, bytes.as_mut_ptr(), count) };
        Ok(())
    }
}
