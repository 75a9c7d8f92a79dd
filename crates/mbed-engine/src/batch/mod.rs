//! How a window is cut into batches.

mod bounds;
mod sorted;

pub(crate) use bounds::{Bounds, MemoryBound};
pub(crate) use sorted::Cutter;
