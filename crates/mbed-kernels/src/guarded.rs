//! Memory for tests that ends, or begins, at a page that nobody may touch: one value too far ends the process.

#![expect(unsafe_code, reason = "maps memory and takes rights from a page of it")]
#![expect(clippy::unwrap_used, reason = "a test that gets no memory is over")]

use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// At least the size of a page on every system that we test on, and a multiple of it.
const PAGE: usize = 1 << 16;

/// Values right before a protected page, behind another one and less than a page of room.
pub(crate) struct Guarded<T> {
    mapping: NonNull<c_void>,
    bytes: NonZeroUsize,
    start: NonNull<T>,
    length: usize,
}

/// Types of which any bytes are a value, zero among them.
pub(crate) trait Plain: Copy {}
impl Plain for f32 {}
impl Plain for crate::bf16::Line {}

impl<T: Plain> Guarded<T> {
    /// Zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        let room = (length * size_of::<T>()).next_multiple_of(PAGE).max(PAGE);
        let bytes = NonZeroUsize::new(room + 2 * PAGE).unwrap();
        let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at a place of the system's choice touches no memory that is in use.
        let mapping = unsafe { mmap_anonymous(None, bytes, rights, MapFlags::MAP_PRIVATE) }.unwrap();
        for offset in [0, PAGE + room] {
            // SAFETY: the offset is below the length of the mapping, `room + 2 · PAGE`.
            let page = unsafe { mapping.byte_add(offset) };
            // SAFETY: the page lies in the mapping, and no reference to it is ever made.
            unsafe { mprotect(page, PAGE, ProtFlags::PROT_NONE) }.unwrap();
        }
        // SAFETY: the values take no more than `room` bytes, so they start behind the first page.
        let start = unsafe { mapping.byte_add(PAGE + room - length * size_of::<T>()) }.cast();
        Self { mapping, bytes, start, length }
    }

    /// A copy of values.
    pub(crate) fn of(values: &[T]) -> Self {
        let mut guarded = Self::zeros(values.len());
        guarded.values_mut().copy_from_slice(values);
        guarded
    }

    pub(crate) const fn values(&self) -> &[T] {
        // SAFETY: `length` values lie between the protected pages, aligned, since a page's end and a value's size are
        // multiples of the alignment; zeros were valid values, and only values were written.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    pub(crate) const fn values_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `values`, and `self` is borrowed uniquely.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and as long as it was made, and no reference outlives `self`.
        unsafe { munmap(self.mapping, self.bytes.get()) }.unwrap();
    }
}
