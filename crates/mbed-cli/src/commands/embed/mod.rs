//! `mbed embed`

mod arguments;
mod command;
mod summary;
mod tolerant;

pub(crate) use arguments::{EmbedArguments, OutputChoice};
pub(crate) use command::run;
