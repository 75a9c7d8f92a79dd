//! How a window is cut into batches.

mod bounds;
mod sorted;

pub(crate) use bounds::Bounds;
pub(crate) use sorted::plan;
