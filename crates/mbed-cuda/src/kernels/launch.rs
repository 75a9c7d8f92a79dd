//! A launch as a plain value.

use super::{Address, Unit};

/// What a driver is told to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// The module that holds the kernel.
    pub unit: Unit,
    /// The kernel's name in its module.
    pub entry: String,
    /// Blocks in x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block in x, y and z.
    pub block: [u32; 3],
    /// Bytes of shared memory beyond what the kernel itself declares.
    pub shared_bytes: u32,
    /// In the order of the kernel's parameters.
    pub arguments: Vec<Argument>,
}

/// One argument of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument {
    /// A place in the device's memory, 0 where something is absent.
    Address(u64),
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// A binary32.
    F32(f32),
}

impl Argument {
    /// How many bytes it has.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Address(_) | Self::I64(_) => 8,
            Self::I32(_) | Self::F32(_) => 4,
        }
    }

    /// Its bytes as the device reads them; of a short one the first four count.
    #[must_use]
    pub fn bytes(self) -> [u8; 8] {
        let short = |bytes: [u8; 4]| {
            let [a, b, c, d] = bytes;
            [a, b, c, d, 0, 0, 0, 0]
        };
        match self {
            Self::Address(number) => number.to_le_bytes(),
            Self::I64(number) => number.to_le_bytes(),
            Self::I32(number) => short(number.to_le_bytes()),
            Self::F32(number) => short(number.to_le_bytes()),
        }
    }
}

impl From<Address> for Argument {
    fn from(address: Address) -> Self {
        Self::Address(address.get())
    }
}

impl From<f32> for Argument {
    fn from(number: f32) -> Self {
        Self::F32(number)
    }
}

impl From<i32> for Argument {
    fn from(number: i32) -> Self {
        Self::I32(number)
    }
}
