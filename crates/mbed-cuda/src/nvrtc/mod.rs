//! The compiler of kernels: NVIDIA's run-time compiler, found when a program runs, and what it made, kept on disk.

mod cache;
mod compiler;
mod error;
mod figures;
mod library;
mod program;

pub use cache::{CacheError, Origin};
pub use compiler::{Compiled, Compiler, Examined, Version};
pub use error::NvrtcError;
pub use figures::KernelFigures;
pub use library::load_from;
