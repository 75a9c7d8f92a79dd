//! A card that is not there: a driver for the CUDA backend that records what it is told, checks it, and computes on the
//! host what the kernels would.
//!
//! It fails a test where a block is used after it was given back or beyond its end, where two streams touch the same
//! memory without an event between them, and where a handle is unknown. It runs out of memory, and is lost, when it is told to.

mod attend;
mod card;
mod clock;
mod driver;
mod kernels;
mod memory;
mod state;

pub use driver::{EmulatedDriver, EmulatedOptions};
pub use state::{Count, Trace};
