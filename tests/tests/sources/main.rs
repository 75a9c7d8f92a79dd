//! Where models come from: folders, caches, the hub, Python wheels, and the environment that tells of them.
//!
//! Nothing here leaves the machine: the hub is a server of this process, and `pip` a script that copies a file.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: what cannot be had is a failure")]

mod caches;
mod environment;
mod folders;
mod hub;
mod inventory;
#[cfg(unix)]
mod onnx_runtime;
mod support;
#[cfg(unix)]
mod wheels;
