//! The CUDA backend: an encoder spec walked over packed batches by kernels of its own.
//!
//! Nothing of CUDA is needed to build it: libraries are found at run time, and kernels are compiled for the card that is
//! there. [`CudaBackend`] says in words what a machine lacks.

mod backend;
mod kernels;

pub use backend::CudaBackend;
