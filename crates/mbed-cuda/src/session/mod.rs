//! A session: a batch cut into parts, and parts on their way up, through the model and down at the same time.

mod check;
mod graphs;
mod head;
mod open;
mod part;
mod pipeline;
mod regions;
mod slot;
mod walk;
mod ways;

pub(crate) use open::{SessionOptions, open};
pub(crate) use slot::Pinning;
