//! What can go wrong below the seam to the driver.

/// What can go wrong below the seam to the driver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// There is not that much memory.
    #[error("no memory for {requested} bytes")]
    OutOfMemory {
        /// How much was asked for.
        requested: u64,
    },
    /// The device's context is broken for good: every later call would fail alike.
    #[error("`{call}` broke the device's context: {reason}")]
    Lost {
        /// The driver's function.
        call: &'static str,
        /// What it said.
        reason: String,
    },
    /// A call failed, and others may still succeed.
    #[error("`{call}` failed: {reason}")]
    Failed {
        /// The driver's function.
        call: &'static str,
        /// What it said.
        reason: String,
    },
    /// A kernel was not launched, as its parameters are no good.
    #[error("kernel `{entry}` cannot be launched: {reason}")]
    Launch {
        /// The kernel.
        entry: String,
        /// What is wrong.
        reason: String,
    },
    /// A kernel could not be compiled.
    #[error("the kernels of `{unit}` cannot be compiled: {reason}")]
    Compile {
        /// The unit that holds it.
        unit: String,
        /// What the compiler said.
        reason: String,
    },
}
