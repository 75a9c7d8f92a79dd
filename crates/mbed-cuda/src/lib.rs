//! The CUDA backend: an encoder spec walked over packed batches by kernels of its own.
//!
//! Nothing of CUDA is needed to build it: libraries are found at run time, and kernels are compiled for the card that is
//! there. [`CudaBackend`] says in words what a machine lacks.
//!
//! # Layers
//!
//! * [`driver`] is all that the rest knows of CUDA: two traits. `ffi/` answers them with the libraries of this machine, and
//!   is the only part that is unsafe; tests answer them with a device of their own.
//! * [`kernels`] says what is launched, checked and without a device; [`nvrtc`] compiles it.
//! * `model/` are weights on a device, `session/` computes: parts of a batch go up, through the model and down at the same
//!   time.

mod arena;
mod backend;
mod card;
pub mod driver;
mod failure;
mod ffi;
pub mod kernels;
mod model;
pub mod nvrtc;
mod owned;
mod probe;
mod session;

pub use backend::{CudaBackend, CudaOptions};
pub use ffi::Nvidia;
pub use probe::{Attempt, LibrarySearch};
