//! The CUDA backend on a card that is not there: everything but what the kernels themselves compute.

#![expect(clippy::unwrap_used, reason = "these are tests: what does not work is a failure")]

mod conformance;
mod failures;
mod pipeline;
mod support;
