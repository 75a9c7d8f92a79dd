//! Settings in layers: which one wins, where each came from, and what bad ones are told.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests: what does not work is a failure"
)]

mod aliases;
mod bad_input;
mod layers;
mod places;
mod reference;
mod support;
