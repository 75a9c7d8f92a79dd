//! How a window is cut into batches.

mod sorted;

pub(crate) use sorted::plan;
