//! Arithmetic on slices of `f32`: matrix products, norms, activations, attention, rotation, pooling.
//!
//! One folder an operation, with a safe entry that checks its arguments. Loops are written in plain Rust over
//! fixed lanes and compiled for each instruction set through `pulp`, which chooses at run time; sums go through
//! [`LANES`] partial sums in a fixed order, whatever the registers' width.

pub mod activation;
pub mod attention;
pub mod elementwise;
pub mod gemm;
mod lanes;
pub mod norm;
pub mod pool;
pub mod rotary;

pub use lanes::LANES;
