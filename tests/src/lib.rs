//! The harness of the tests of the whole: what every session must do, how near is near enough, models with known
//! vectors, and a backend that fails on demand.
//!
//! * [`contract`]: the sentences of [`mbed_core::Session`] as cases, each written once and run for every backend,
//!   device, precision and model.
//! * [`Tolerance`]: the largest difference that a backend may show in a precision.
//! * [`models`]: the tiny models beside the tests, and the default model where this machine has it.
//! * [`fake`]: a backend whose vectors can be told beforehand, and which runs out of memory when it is told to.
//! * [`simulator`]: a device with memory, neighbours and time as a test wants them.

mod bench;
pub mod contract;
mod failure;
pub mod fake;
mod golden;
pub mod models;
mod npy;
mod require;
pub mod simulator;
mod tolerance;

pub use bench::{Bench, Truth};
pub use failure::Failure;
pub use golden::{Golden, GoldenFiles};
pub use require::{REQUIRE, required};
pub use tolerance::{Mismatch, Tolerance, largest_difference};
