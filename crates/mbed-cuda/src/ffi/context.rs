//! A device's primary context, and a pool in it.

#![expect(unsafe_code, reason = "the driver's functions take bare handles")]

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

use cudarc::driver::result::DriverError as Said;
use cudarc::driver::{result, sys};

use super::errors::driver;
use crate::driver::{DeviceFacts, DeviceMemoryUse, DriverError, Version};

/// A device's primary context with a pool of our own. Handles are kept as numbers, so that any thread may hold them.
#[derive(Debug)]
pub(super) struct Context {
    device: sys::CUdevice,
    context: usize,
    pool: usize,
    is_lost: AtomicBool,
}

impl Context {
    /// Retains the primary context of device `index`.
    pub(super) fn open(index: u32) -> Result<Self, DriverError> {
        let device = device(index)?;
        // SAFETY: the device was just given by the driver.
        let context = unsafe { result::primary_ctx::retain(device) };
        let context = context.map_err(|said| driver("cuDevicePrimaryCtxRetain", 0, said))?;
        let mut opened = Self { device, context: context as usize, pool: 0, is_lost: AtomicBool::new(false) };
        opened.bind()?;
        opened.pool = create_pool(device)?;
        Ok(opened)
    }

    /// Throws away all that a lost context still holds. Only for contexts that nobody can use any more.
    pub(super) fn reset(index: u32) -> Result<(), DriverError> {
        let device = device(index)?;
        // SAFETY: the device was just given by the driver; whoever still holds handles of the context gets errors for them,
        // as before.
        let said = unsafe { sys::cuDevicePrimaryCtxReset_v2(device) };
        said.result().map_err(|said| driver("cuDevicePrimaryCtxReset", 0, said))
    }

    /// Whether every call fails from now on. Its handles are never used again: those of a context that was reset are no
    /// addresses of anything.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Acquire)
    }

    /// Passes a result on, and notes where it says that the context is lost.
    pub(super) fn noted<T>(&self, done: Result<T, DriverError>) -> Result<T, DriverError> {
        if matches!(done, Err(DriverError::Lost { .. })) {
            self.is_lost.store(true, Ordering::Release);
        }
        done
    }

    /// Makes it the current one of this thread.
    pub(super) fn bind(&self) -> Result<(), DriverError> {
        if self.is_lost() {
            let reason = "it was lost before".to_owned();
            return Err(DriverError::Lost { call: "cuCtxSetCurrent", reason });
        }
        // SAFETY: the context is retained until this is dropped.
        let bound = unsafe { result::ctx::set_current(self.context as sys::CUcontext) };
        bound.map_err(|said| driver("cuCtxSetCurrent", 0, said))
    }

    pub(super) const fn pool(&self) -> sys::CUmemoryPool {
        self.pool as sys::CUmemoryPool
    }

    /// How much of the device's memory is in use, by anybody.
    pub(super) fn memory(&self) -> Result<DeviceMemoryUse, DriverError> {
        self.bind()?;
        let (free, total) = result::mem_get_info().map_err(|said| driver("cuMemGetInfo", 0, said))?;
        Ok(DeviceMemoryUse { total: total as u64, free: free as u64 })
    }

    pub(super) fn pool_attribute(&self, attribute: sys::CUmemPool_attribute) -> Result<u64, DriverError> {
        let mut value = 0_u64;
        self.bind()?;
        // SAFETY: the pool lives as long as this, and these attributes are 64-bit numbers.
        let said =
            unsafe { result::mem_pool::get_attribute(self.pool(), attribute, (&raw mut value).cast()) };
        said.map(|()| value).map_err(|said| driver("cuMemPoolGetAttribute", 0, said))
    }

    pub(super) fn set_pool_attribute(
        &self,
        attribute: sys::CUmemPool_attribute,
        mut value: u64,
    ) -> Result<(), DriverError> {
        self.bind()?;
        // SAFETY: the pool lives as long as this, and these attributes are 64-bit numbers.
        let said =
            unsafe { result::mem_pool::set_attribute(self.pool(), attribute, (&raw mut value).cast()) };
        said.map_err(|said| driver("cuMemPoolSetAttribute", 0, said))
    }

    pub(super) fn trim_pool(&self) -> Result<(), DriverError> {
        self.bind()?;
        // SAFETY: the pool lives as long as this.
        let trimmed = unsafe { result::mem_pool::trim_to(self.pool(), 0) };
        trimmed.map_err(|said| driver("cuMemPoolTrimTo", 0, said))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if self.is_lost() {
            return;
        }
        if self.pool != 0 && self.bind().is_ok() {
            // SAFETY: the pool was created with this and is destroyed once; blocks of it have gone before.
            let _ = unsafe { result::mem_pool::destroy(self.pool()) };
        }
        // SAFETY: the context was retained once by this.
        let _ = unsafe { result::primary_ctx::release(self.device) };
    }
}

fn create_pool(device: sys::CUdevice) -> Result<usize, DriverError> {
    // SAFETY: the struct is numbers and an address; all zero is what its documentation asks for where nothing is set.
    let mut properties: sys::CUmemPoolProps = unsafe { MaybeUninit::zeroed().assume_init() };
    properties.allocType = sys::CUmemAllocationType::CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location.type_ = sys::CUmemLocationType::CU_MEM_LOCATION_TYPE_DEVICE;
    properties.location.id = device;
    // SAFETY: the properties are whole and outlive the call.
    let pool = unsafe { result::mem_pool::create(&raw const properties) };
    pool.map(|pool| pool as usize).map_err(|said| driver("cuMemPoolCreate", 0, said))
}

fn device(index: u32) -> Result<sys::CUdevice, DriverError> {
    let number = i32::try_from(index).unwrap_or(i32::MAX);
    result::device::get(number).map_err(|said| driver("cuDeviceGet", 0, said))
}

/// All devices that the driver shows; it is initialised where it was not.
pub(super) fn devices() -> Result<Vec<DeviceFacts>, DriverError> {
    result::init().map_err(|said| driver("cuInit", 0, said))?;
    let count = result::device::get_count().map_err(|said| driver("cuDeviceGetCount", 0, said))?;
    (0..count.unsigned_abs()).map(facts).collect()
}

fn facts(index: u32) -> Result<DeviceFacts, DriverError> {
    use sys::CUdevice_attribute_enum as A;
    let device = device(index)?;
    let failed = |call| move |said: Said| driver(call, 0, said);
    let attribute = |attribute| {
        // SAFETY: the device was given by the driver.
        let value = unsafe { result::device::get_attribute(device, attribute) };
        value.map(i32::unsigned_abs).map_err(failed("cuDeviceGetAttribute"))
    };
    // SAFETY: the device was given by the driver.
    let memory = unsafe { result::device::total_mem(device) }.map_err(failed("cuDeviceTotalMem"))?;
    let uuid = result::device::get_uuid(device).map_err(failed("cuDeviceGetUuid"))?;
    Ok(DeviceFacts {
        index,
        name: result::device::get_name(device).map_err(failed("cuDeviceGetName"))?,
        uuid: uuid_text(uuid.bytes.map(i8::cast_unsigned)),
        capability: Version::new(
            attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ),
        multiprocessors: attribute(A::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
        memory: memory.into(),
    })
}

/// `GPU-` and digits in groups, as `nvidia-smi -L` shows it and `CUDA_VISIBLE_DEVICES` takes it.
fn uuid_text(bytes: [u8; 16]) -> String {
    let mut text = "GPU".to_owned();
    for (place, byte) in bytes.iter().enumerate() {
        let gap = if matches!(place, 0 | 4 | 6 | 8 | 10) { "-" } else { "" };
        text.push_str(&format!("{gap}{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_reads_as_other_tools_write_it() {
        let bytes = std::array::from_fn(|place| u8::try_from(place * 17).unwrap());
        assert_eq!(uuid_text(bytes), "GPU-00112233-4455-6677-8899-aabbccddeeff");
    }
}
