//! Arithmetic on slices of `f32`: matrix products, norms, activations, attention, pooling.
//!
//! One folder an operation, with a safe entry that checks its arguments. Loops are written in plain Rust over
//! fixed lanes and compiled for each instruction set through `pulp`, which chooses at run time; sums go through
//! [`LANES`] partial sums in a fixed order and no product is fused with a sum, so a result has the same bits
//! on every x86-64 machine, AVX-512 or not. Matrix products are the `gemm` crate's and do depend on the
//! instruction set.

pub mod activation;
pub mod attention;
pub mod gemm;
mod lanes;
pub mod norm;
pub mod pool;

pub use lanes::LANES;
