//! Handles and facts that go over the seam to the driver.

use std::fmt;

use mbed_core::Bytes;

/// A queue of work on a device, done in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream(pub u64);

/// A point in a stream that others can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Event(pub u64);

/// Compiled kernels on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Module(pub u64);

/// One kernel of a [`Module`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Function(pub u64);

/// Work that was captured and can be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Graph(pub u64);

/// How one shape of matrix product is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Plan(pub u64);

/// Memory of the host that a device copies from or to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostBuffer {
    /// Its number.
    pub id: u64,
    /// Its length.
    pub bytes: usize,
}

/// A part of a [`HostBuffer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostRange {
    /// The buffer.
    pub buffer: HostBuffer,
    /// Where the part begins.
    pub start: usize,
    /// Its length.
    pub bytes: usize,
}

/// What kind of memory a host buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostMemory {
    /// Pinned, and written past the caches: fast to fill in order and to copy up, slow to read.
    UploadOnly,
    /// Pinned.
    Pinned,
    /// As programs have it: the driver copies it into pinned memory of its own first.
    Pageable,
}

/// How much memory of a device is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceMemoryUse {
    /// All of it.
    pub total: u64,
    /// What nobody holds.
    pub free: u64,
}

/// A version as `major.minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

impl Version {
    /// Version `major.minor`.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What is known of a device before anything is opened on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFacts {
    /// Its number among those that the driver shows.
    pub index: u32,
    /// What its maker calls it.
    pub name: String,
    /// `GPU-` and 32 digits, as tools of its maker show it.
    pub uuid: String,
    /// Its compute capability.
    pub capability: Version,
    /// How many multiprocessors it has.
    pub multiprocessors: u32,
    /// All of its memory.
    pub memory: Bytes,
}
