//! What a launch may be, checked before anything runs.

use super::{Address, Argument, Element};

/// The most blocks of a grid in x, of every compute capability from 3.0 on (CUDA C++ Programming Guide, technical
/// specifications).
const MOST_BLOCKS_X: usize = 0x7fff_ffff;

/// The most blocks in y.
const MOST_BLOCKS_Y: usize = 0xffff;

/// Kernels read and write so many bytes at once.
pub(super) const VECTOR_BYTES: u64 = 16;

/// Why a kernel cannot be launched as described.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// There is nothing to do, which no grid can express.
    #[error("kernel `{kernel}`: {what} is 0")]
    Nothing {
        /// The kernel.
        kernel: &'static str,
        /// What there is none of.
        what: &'static str,
    },
    /// More than the kernel or the hardware can count.
    #[error("kernel `{kernel}`: {what} is {value}, at most {limit} is possible")]
    TooLarge {
        /// The kernel.
        kernel: &'static str,
        /// What is too large.
        what: &'static str,
        /// How large it is.
        value: usize,
        /// How large it may be.
        limit: usize,
    },
    /// A length does not divide as the kernel needs it to.
    #[error("kernel `{kernel}`: {what} is {value}, which is no multiple of {divisor}")]
    NotAMultiple {
        /// The kernel.
        kernel: &'static str,
        /// Which length.
        what: &'static str,
        /// The length.
        value: usize,
        /// What it must be a multiple of.
        divisor: usize,
    },
    /// A place does not begin where the kernel's instructions can read.
    #[error("kernel `{kernel}`: {what} lies at {address:#x}, which is no multiple of {alignment}")]
    NotAligned {
        /// The kernel.
        kernel: &'static str,
        /// What lies there.
        what: &'static str,
        /// Where it lies.
        address: u64,
        /// What the place must be a multiple of.
        alignment: u64,
    },
    /// The kernel does not know a function or norm that the seam has learned since.
    #[error("kernel `{kernel}` does not know this {what}")]
    Unknown {
        /// The kernel.
        kernel: &'static str,
        /// What kind of thing it does not know.
        what: &'static str,
    },
}

/// Checks for one kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    pub(super) kernel: &'static str,
}

impl Check {
    /// `value`, which may be neither 0 nor more than `limit`.
    pub(super) const fn within(
        self,
        what: &'static str,
        value: usize,
        limit: usize,
    ) -> Result<usize, LaunchError> {
        let kernel = self.kernel;
        match value {
            0 => Err(LaunchError::Nothing { kernel, what }),
            _ if value > limit => Err(LaunchError::TooLarge { kernel, what, value, limit }),
            _ => Ok(value),
        }
    }

    /// `value` as an argument of 32 bits.
    pub(super) fn int(self, what: &'static str, value: usize) -> Result<Argument, LaunchError> {
        let limit = i32::MAX as usize;
        let value = self.within(what, value, limit)?;
        let too_large = LaunchError::TooLarge { kernel: self.kernel, what, value, limit };
        i32::try_from(value).map(Argument::I32).map_err(|_| too_large)
    }

    /// `value` as an argument of 64 bits.
    pub(super) fn long(self, what: &'static str, value: usize) -> Result<Argument, LaunchError> {
        let limit = usize::try_from(i64::MAX).unwrap_or(usize::MAX);
        let value = self.within(what, value, limit)?;
        let too_large = LaunchError::TooLarge { kernel: self.kernel, what, value, limit };
        i64::try_from(value).map(Argument::I64).map_err(|_| too_large)
    }

    /// `address`, aligned to `alignment` bytes.
    pub(super) const fn place(
        self,
        what: &'static str,
        address: Address,
        alignment: u64,
    ) -> Result<Argument, LaunchError> {
        if address.is_aligned(alignment) {
            return Ok(Argument::Address(address.get()));
        }
        let (kernel, address) = (self.kernel, address.get());
        Err(LaunchError::NotAligned { kernel, what, address, alignment })
    }

    /// The same of what may be absent.
    pub(super) fn optional(
        self,
        what: &'static str,
        address: Option<Address>,
        alignment: u64,
    ) -> Result<Argument, LaunchError> {
        address.map_or(Ok(Argument::Address(0)), |address| self.place(what, address, alignment))
    }

    /// Integers of the device, one a token.
    pub(super) const fn ints(self, what: &'static str, address: Address) -> Result<Argument, LaunchError> {
        self.place(what, address, 4)
    }

    pub(super) const fn multiple(
        self,
        what: &'static str,
        value: usize,
        divisor: usize,
    ) -> Result<(), LaunchError> {
        if value.is_multiple_of(divisor) {
            return Ok(());
        }
        Err(LaunchError::NotAMultiple { kernel: self.kernel, what, value, divisor })
    }

    /// A grid of `x` by `y` blocks.
    pub(super) fn grid(self, x: usize, y: usize) -> Result<[u32; 3], LaunchError> {
        let x = self.within("number of blocks in x", x, MOST_BLOCKS_X)?;
        let y = self.within("number of blocks in y", y, MOST_BLOCKS_Y)?;
        // Both are below 2^31.
        Ok([x, y, 1].map(|count| u32::try_from(count).unwrap_or(u32::MAX)))
    }

    pub(super) const fn unknown(self, what: &'static str) -> LaunchError {
        LaunchError::Unknown { kernel: self.kernel, what }
    }
}

/// The alignment of what is read `values` at a time.
pub(super) const fn alignment(element: Element, values: usize) -> u64 {
    (element.bytes() * values) as u64
}
