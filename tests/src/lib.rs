//! The harness of the tests of the whole: what every session must do, how near is near enough, models with known
//! vectors, and a backend that fails on demand.
//!
//! * [`contract`]: the sentences of [`mbed_core::Session`] as cases, each written once and run for every backend,
//!   device, precision and model.
//! * [`Tolerance`]: the largest difference that a backend may show in a precision.
//! * [`models`]: the tiny models beside the tests, and the default model where this machine has it.
//! * [`python`]: other runtimes, where this machine has them.
//! * [`fake`]: a backend whose vectors can be told beforehand, and which runs out of memory when it is told to.
//! * [`cuda`]: cards that are not there, for the CUDA backend.
//! * [`simulator`]: a device with memory, neighbours and time as a test wants them.

mod bench;
pub mod contract;
pub mod cuda;
mod failure;
pub mod fake;
mod golden;
pub mod models;
mod npy;
pub mod python;
mod require;
pub mod simulator;
mod tolerance;

pub use bench::{Bench, Truth};
pub use failure::Failure;
pub use golden::{Golden, GoldenFiles};
pub use require::{REQUIRE, required};
pub use tolerance::{Mismatch, Tolerance, largest_difference};
