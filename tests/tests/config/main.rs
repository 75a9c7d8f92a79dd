//! Settings in layers: which one wins, where each came from, and what bad ones are told.

mod aliases;
mod bad_input;
mod layers;
mod places;
mod reference;
mod support;
