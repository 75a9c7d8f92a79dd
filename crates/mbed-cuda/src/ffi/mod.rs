//! The driver and the libraries of this machine, behind the traits of [`driver`](crate::driver).
//!
//! Everything that is unsafe stands here. `cudarc` declares the functions and loads them when they are first called; it
//! panics where a library or a function is missing, so `libraries.rs` asks for each library and its version first.

mod context;
mod device;
mod errors;
mod host;
mod libraries;
mod matrix;
mod nvidia;

pub(crate) use libraries::{driver_version, has_driver, has_lt, has_nvrtc, keep, lt_version, nvrtc_version};
pub use nvidia::Nvidia;
