//! The texts that are embedded: made by a distribution of lengths, the same in every run, or the user's own.

mod lengths;
mod source;
mod writer;

pub use source::{BUILT_IN, Workload, WorkloadName};
pub(crate) use writer::Writer;
