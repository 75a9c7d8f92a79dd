//! Arithmetic on slices of `f32`: matrix products, norms, activations, attention, rotation, pooling; and on tiles of
//! bfloat16 in [`bf16`] and of bytes in [`int8`].
//!
//! One folder an operation, with a safe entry that checks its arguments. Kernels in binary32 are written once, over
//! registers of any width, and compiled for each set of instructions through `pulp`; an [`Isa`] chooses. What is not
//! worth a choice is plain Rust over fixed lanes, for which `pulp` chooses by itself; sums there go through [`LANES`]
//! partial sums in a fixed order, whatever the registers' width.

pub mod activation;
pub mod attention;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod bf16;
pub mod elementwise;
pub mod gemm;
#[cfg(all(test, unix))]
mod guard_tests;
#[cfg(all(test, unix))]
mod guarded;
pub mod int8;
mod isa;
mod lanes;
pub mod norm;
pub mod peak;
pub mod pool;
pub mod rotary;

pub use isa::{Isa, Level};
pub use lanes::LANES;
