//! The engine over the fake backend: order, memory, overlap, and every way in which a run can end early.
//!
//! Texts are numbers, and a number is a token of that id, so what a vector must be is told by the text itself.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: what does not work is a failure")]

mod adaptive;
mod failures;
mod giving_back;
mod losses;
mod memory;
mod order;
mod overlap;
mod profiles;
mod simulated;
mod simulation;
mod support;
