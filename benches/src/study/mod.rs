//! Studies of one question each.

mod accuracy;
mod corpus;
mod sustain;
mod sweep;

pub use accuracy::{AccuracyOptions, accuracy};
pub use sustain::{SustainOptions, sustain};
pub use sweep::{SweepOptions, sweep_batch, sweep_workers};
