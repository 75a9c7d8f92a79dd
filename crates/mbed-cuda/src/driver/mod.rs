//! What a session asks of the driver, apart from who answers.
//!
//! [`Driver`] and [`Device`] are all that the rest of the crate knows of CUDA: [`Nvidia`](crate::Nvidia) answers with the
//! libraries of this machine, and tests answer with a device that records, checks and computes on the host.

mod device;
mod error;
mod product;
mod types;

pub use device::{Device, Driver};
pub use error::DriverError;
pub use product::{Epilogue, Numbers, Operands, Product};
pub use types::{
    DeviceFacts, DeviceMemoryUse, Event, Function, Graph, HostBuffer, HostMemory, HostRange, Module, Plan,
    Stream, Version,
};
