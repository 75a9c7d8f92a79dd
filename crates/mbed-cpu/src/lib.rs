//! The CPU backend: an [`EncoderSpec`](mbed_core::spec::EncoderSpec) walked over packed batches, in
//! f32, or with the layers' products in bf16 or int8 where the processor has AMX.
//!
//! A batch is cut into parts of whole sequences, and each thread takes a part through all layers by itself.
//! Products run on blocks of a fixed number of rows and everything else on single rows or single sequences, so a
//! text's vector has the same bits alone, in any batch, and on any number of threads.

mod backend;
mod clock;
mod encoder;
mod failure;
mod head;
mod layer;
mod load;
mod parts;
mod scratch;
mod session;
mod tables;

pub use backend::{CpuBackend, CpuBackendAtMost};
pub use mbed_kernels::Level;
