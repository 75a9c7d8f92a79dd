//! A device that does not exist: memory, neighbours, time, all as a test wants them.
//!
//! Vectors are those of [`fake`](crate::fake), so that they can be told beforehand. Time is virtual: a batch moves the
//! [`VirtualClock`] by what it would take, so that rates are exact and tests are fast.

mod clock;
mod device;
mod options;
mod session;

pub use clock::VirtualClock;
pub use device::{Call, Simulator};
pub use options::{Heat, Latency, Need, Neighbours, SimulatorOptions, Slowdown};
