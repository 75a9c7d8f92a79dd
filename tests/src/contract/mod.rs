//! What every session must do: the sentences of [`mbed_core::Session`] and [`mbed_core::Backend`] as cases, each
//! written once and run on every [`Bench`](crate::Bench).

mod case;
mod goldens;
mod neighbours;
mod reference;
mod refusals;
mod rows;
mod steps;

pub use case::{CASES, Case, Need};
pub use goldens::golden_difference;
pub use refusals::refusal_names_the_architecture;
