//! What this process and this machine use: memory, its limits, cores, heat, graphics cards.
//!
//! * [`Host`] reads what Linux tells in `/proc` and `/sys`, control groups of both versions among it. Elsewhere most
//!   readings are `None`, never guessed.
//! * [`Headroom`] is the answer that matters: how much memory may still be taken, and what bounds it.
//! * [`Conditions`] tell whether a measurement made here is worth something.
//! * [`Gpus`] asks NVIDIA's management library, which is loaded at run time; a machine without it has none.
//! * [`Sampler`] reads all of that at an interval on a thread of its own and keeps the last samples in a ring.
//! * [`Evidence`] tells what changed on a machine that became slower.
//! * [`LeakWatch`] tells once when memory stays above where it began.

mod cgroup;
mod conditions;
mod error;
mod evidence;
mod files;
mod gpu;
mod headroom;
mod host;
mod leak;
mod limits;
mod process;
mod sample;
mod sampler;
mod system;

pub use conditions::Conditions;
pub use error::MonitorError;
pub use evidence::Evidence;
pub use gpu::{GpuProcess, GpuSample, Gpus};
pub use headroom::{Bound, Headroom, Limit};
pub use host::{Host, cores, peak_resident};
pub use leak::{Leak, LeakWatch};
pub use process::ProcessMemory;
pub use sample::{CpuUse, HostSample, Sample};
pub use sampler::Sampler;
pub use system::SystemMemory;
