//! What is to be measured: a file of lists, and every combination of what they hold.

mod cell;
mod file;
mod plan;

pub use cell::{BatchTokens, Cell};
pub use file::{Matrix, SUITES, Studies, Suite};
pub use plan::{Plan, Skipped, plan};
